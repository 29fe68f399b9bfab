SELECT CAST(s.start AS DATE) AS day,
       s.covariates['app_version'] AS app_version,
       s.covariates['platform'] AS platform,
       count(*) AS sessions,
       sum(CASE WHEN v.verdict IN ('anomalous', 'unknown_event') THEN 1 ELSE 0 END) AS flagged,
       avg(CASE WHEN v.verdict IN ('anomalous', 'unknown_event') THEN 1.0E0 ELSE 0.0E0 END) AS flagged_share
FROM sessions s
JOIN verdicts v ON v.session_id = s.session_id
WHERE v.verdict <> 'open'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
