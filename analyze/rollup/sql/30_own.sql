-- Ranks the addresses of each interface whose records do not say their
-- direction: its own address occurs in every one of them.
-- Input: conversation. Output: own. Grain: interface, day, address.
-- Equal counts: a private address before a public one, then the one that is
-- more often a destination, then by text.
CREATE OR REPLACE TEMP TABLE own AS
WITH unsaid AS (
    SELECT DISTINCT account_id, region, interface_id, day FROM conversation WHERE direction = 0 AND kind = 0),
seen AS (
    SELECT account_id, region, interface_id, day, src AS addr, records, 0::BIGINT AS arrived FROM conversation WHERE kind = 0
    UNION ALL
    SELECT account_id, region, interface_id, day, dst, records, records FROM conversation WHERE kind = 0),
counted AS (
    SELECT account_id, region, interface_id, day, addr, sum(records) AS records, sum(arrived) AS arrived
    FROM seen SEMI JOIN unsaid USING (account_id, region, interface_id)
    GROUP BY ALL)
SELECT account_id, region, interface_id, day, addr,
    row_number() OVER (
        PARTITION BY account_id, region, interface_id, day
        ORDER BY records DESC,
            regexp_matches(addr, '^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|[fF][cdCD])') DESC,
            arrived DESC, addr)::INTEGER AS place
FROM counted
