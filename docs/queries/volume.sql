SELECT day, events, usual
FROM (
  SELECT day, events, avg(events) OVER (ORDER BY day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING) AS usual
  FROM (SELECT CAST(event_time AS DATE) AS day, count(*) AS events FROM events GROUP BY 1) by_day
) compared
WHERE events < 0.5 * usual OR events > 2 * usual
ORDER BY day
