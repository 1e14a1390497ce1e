-- Each connection with the days on which it was accepted, in either window,
-- before the quarter in which the window ends and since it began.
-- Grain: opener, target, service.
CREATE VIEW history AS
WITH seen AS (
    SELECT opener, target, service, sg, records, bytes, unnest(day_list) AS day FROM flows WHERE "action" = 'ACCEPT' AND side <> 'unsettled'
    UNION ALL
    SELECT opener, target, service, sg, records, bytes, unnest(day_list) AS day FROM earlier WHERE "action" = 'ACCEPT' AND side <> 'unsettled'
)
SELECT opener, target, service, min(day) AS first_day, max(day) AS last_day, count(DISTINCT day)::INTEGER AS days,
    max(sg) AS sg, (SELECT quarter FROM about) AS quarter
FROM seen GROUP BY opener, target, service;
