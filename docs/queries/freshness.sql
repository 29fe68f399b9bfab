SELECT 'newest event' AS what, max(event_time) AS newest FROM events
HAVING max(event_time) < current_timestamp - INTERVAL 26 HOURS
UNION ALL
SELECT 'last scoring', max(started_at) FROM runs WHERE step = 'score' AND outcome = 'done'
HAVING coalesce(max(started_at) < current_timestamp - INTERVAL 26 HOURS, true)
ORDER BY what
