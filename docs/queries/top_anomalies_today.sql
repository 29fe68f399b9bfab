SELECT a.session_id, a.entity, a.start, a.score, a.kind, a.positions, a.edits, a.action
FROM anomalies a
JOIN verdicts v ON v.session_id = a.session_id AND v.model_version = a.model_version
WHERE CAST(a.start AS DATE) = (SELECT max(CAST(start AS DATE)) FROM sessions)
  AND NOT coalesce(a.muted, false)
ORDER BY a.score DESC, a.session_id
LIMIT 20
