WITH made_again AS (
  SELECT after.session_id, 'changed' AS what, after._commit_version AS version
  FROM session_changes after
  JOIN session_changes before
    ON before.session_id = after.session_id AND before._commit_version = after._commit_version
  WHERE after._change_type = 'update_postimage' AND before._change_type = 'update_preimage'
    AND after.event_ids <> before.event_ids
  UNION ALL
  SELECT session_id, 'gone', _commit_version FROM session_changes WHERE _change_type = 'delete'
)
SELECT f.session_id, f.model_version, f.entity, m.what, m.version, a.session_id IS NOT NULL AS still_anomalous
FROM made_again m
JOIN (SELECT DISTINCT session_id, model_version, entity FROM anomaly_changes) f ON f.session_id = m.session_id
LEFT JOIN anomalies a ON a.session_id = f.session_id AND a.model_version = f.model_version
ORDER BY m.version, f.session_id, f.model_version
