-- accepted connections first seen in the quarter in which the window ends
-- Grain: opener, target, service. Needs evidence of before: a window that begins before the quarter, or earlier observations.
SELECT opener, target, service, first_day, last_day, days, sg
FROM history WHERE first_day >= quarter AND (SELECT min(first_day) FROM history) < quarter
ORDER BY first_day, opener, target, service
