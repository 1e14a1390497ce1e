-- approved flows of which no SYN and no capture says who opened them
-- Grain: flow.
SELECT opener, target, service, "method", days, records, sg, id
FROM flows WHERE approved AND "method" NOT IN ('syn', 'other-day', 'capture')
ORDER BY "method", opener, target, service, id
