-- what the internet reaches, and what reaches the internet
-- Grain: own address, direction, service. Peers are addresses that are neither private nor in a VPC of the snapshots.
SELECT CASE side WHEN 'in' THEN 'from the internet' ELSE 'to the internet' END AS direction,
    "local", service, count(DISTINCT peer)::INTEGER AS peers, sum(records)::BIGINT AS records, sum(bytes)::BIGINT AS bytes,
    max("last") AS "last", count(*) FILTER (approved)::INTEGER AS approved, string_agg(DISTINCT sg, ' ' ORDER BY sg) AS sgs, eni
FROM flows WHERE internet AND "action" = 'ACCEPT' AND side <> 'unsettled'
GROUP BY direction, "local", service, eni
ORDER BY direction, peers DESC, "local", service, eni
