-- refused connections that somebody may ask to be let in, the most steady first
-- Grain: flow. Replies that came too late and strays have no known opener and are left out.
SELECT opener, target, service, eni, days, records, class, "first", "last", "method", id
FROM flows WHERE "action" = 'REJECT' AND side <> 'unsettled'
ORDER BY days DESC, records DESC, opener, target, service, id
