-- connections accepted before the quarter in which the window ends and not since
-- Grain: opener, target, service. Needs evidence of before: a window that begins before the quarter, or earlier observations.
SELECT opener, target, service, first_day, last_day, days, sg
FROM history WHERE last_day < quarter
ORDER BY last_day, opener, target, service
