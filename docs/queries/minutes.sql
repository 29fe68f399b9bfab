SELECT partner,
       sum(minutes_reported) AS minutes_reported,
       sum(minutes_unflagged) AS without_flagged,
       sum(minutes_flagged) AS on_flagged,
       sum(minutes_flagged) / nullif(sum(minutes_reported), 0) AS share_on_flagged
FROM minutes_viewed
GROUP BY partner
ORDER BY share_on_flagged DESC, partner
