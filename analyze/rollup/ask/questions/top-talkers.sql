-- the pairs that carry most bytes
-- Grain: opener, target, service. The flows of both ends are one pair; the end that logged more counts.
SELECT opener, target, service, max(bytes) AS bytes, max(packets) AS packets, max(records) AS records, max(days) AS days, max("last") AS "last",
    string_agg(DISTINCT sg, ' ' ORDER BY sg) AS sgs
FROM flows WHERE "action" = 'ACCEPT' AND side <> 'unsettled'
GROUP BY opener, target, service
ORDER BY bytes DESC, opener, target, service
LIMIT 100
