-- Ranks the addresses of each interface whose records do not say their
-- direction: its own address occurs in every one of them.
-- Input: conversation, interface_name; variable key_day. Output: own.
-- Grain: interface, day, address.
-- Equal counts: the one that stands in for another address more often (an
-- interface between the ends shows itself in place of one of them), a private
-- address before a public one, then the one that is more often a destination,
-- then by text.
CREATE OR REPLACE TEMP TABLE own AS
WITH unsaid AS (
    SELECT DISTINCT account_id, region, interface_id FROM conversation WHERE use = 1),
part AS (
    SELECT c.*, coalesce(day, getvariable('key_day')) AS on_day
    FROM conversation AS c SEMI JOIN unsaid USING (account_id, region, interface_id)
    WHERE kind = 0 AND use < 2),
seen AS (
    SELECT account_id, region, interface_id, on_day, coalesce(hop_local, local_addr) AS addr, records, arrived,
        CASE WHEN hop_local <> local_addr THEN records ELSE 0 END AS standing_in
    FROM part
    UNION ALL
    SELECT account_id, region, interface_id, on_day, coalesce(hop_peer, peer_addr), records, records - arrived,
        CASE WHEN hop_peer <> peer_addr THEN records ELSE 0 END
    FROM part),
counted AS (
    SELECT n.eni, on_day AS day, addr, sum(records) AS records, sum(arrived) AS arrived, sum(standing_in) AS standing_in
    FROM seen JOIN interface_name AS n USING (account_id, region, interface_id)
    WHERE n.kind = 0
    GROUP BY ALL)
SELECT eni, day, addr,
    row_number() OVER (
        PARTITION BY eni, day
        ORDER BY records DESC, standing_in DESC,
            regexp_matches(addr, '^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|[fF][cdCD])') DESC,
            arrived DESC, addr)::INTEGER AS place
FROM counted
