-- why flows are not approved, the most frequent reason first
-- Grain: reason.
SELECT reason, count(*)::INTEGER AS flows, sum(records)::BIGINT AS records, min(id) AS example
FROM (SELECT id, records, unnest(reasons) AS reason FROM flows WHERE NOT approved)
GROUP BY reason ORDER BY flows DESC, reason
