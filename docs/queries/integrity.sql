SELECT * FROM (
  SELECT 'session without a verdict' AS broken, count(*) AS n
  FROM sessions s LEFT JOIN verdicts v ON v.session_id = s.session_id WHERE v.session_id IS NULL
  UNION ALL
  SELECT 'verdict on a session that is gone', count(*)
  FROM verdicts v LEFT JOIN sessions s ON s.session_id = v.session_id WHERE s.session_id IS NULL
  UNION ALL
  SELECT 'flagged session without an anomaly', count(*)
  FROM verdicts v
  LEFT JOIN anomalies a ON a.session_id = v.session_id AND a.model_version = v.model_version
  WHERE v.verdict IN ('anomalous', 'unknown_event') AND a.session_id IS NULL
  UNION ALL
  SELECT 'session twice', count(*)
  FROM (SELECT session_id FROM sessions GROUP BY session_id HAVING count(*) > 1) twice
) checks
WHERE n > 0
ORDER BY broken
