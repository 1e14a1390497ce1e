-- Ranks the addresses of each interface whose records do not say their
-- direction: its own address occurs in every one of them.
-- Input: clean. Output: own. Grain: interface, day, address.
-- Equal counts: the one that stands in for another address more often (an
-- interface between the ends shows itself in place of one of them), a private
-- address before a public one, then the one that is more often a destination,
-- then by text.
CREATE OR REPLACE TEMP TABLE unsaid AS
SELECT DISTINCT eni FROM clean
WHERE has_addresses AND kind = 0 AND (flow_direction IS NULL OR flow_direction NOT IN ('ingress', 'egress'));
CREATE OR REPLACE TEMP TABLE own AS
WITH seen AS (
    SELECT eni, day, srcaddr AS addr, records, 0::BIGINT AS arrived, CASE WHEN pkt_src IS NULL THEN 0 ELSE records END AS standing_in FROM clean SEMI JOIN unsaid USING (eni) WHERE has_addresses AND kind = 0
    UNION ALL
    SELECT eni, day, dstaddr, records, records, CASE WHEN pkt_dst IS NULL THEN 0 ELSE records END FROM clean SEMI JOIN unsaid USING (eni) WHERE has_addresses AND kind = 0),
counted AS (
    SELECT eni, day, addr, sum(records) AS records, sum(arrived) AS arrived, sum(standing_in) AS standing_in FROM seen GROUP BY ALL)
SELECT eni, day, addr,
    row_number() OVER (
        PARTITION BY eni, day
        ORDER BY records DESC, standing_in DESC,
            regexp_matches(addr, '^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|[fF][cdCD])') DESC,
            arrived DESC, addr)::INTEGER AS place
FROM counted
