SELECT array_position(a.event_ids, e.event_id) - 1 AS position,
       array_contains(a.positions, CAST(array_position(a.event_ids, e.event_id) - 1 AS INT)) AS odd,
       e.event_time, e.event, e.event_id, e.source_file
FROM (SELECT * FROM anomalies ORDER BY score DESC, session_id LIMIT 1) a -- or WHERE session_id = '…'
JOIN events e ON e.entity = a.entity AND array_contains(a.event_ids, e.event_id)
ORDER BY position
