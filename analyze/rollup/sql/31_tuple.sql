-- Joins both directions of each conversation, seen from the interface.
-- Input: conversation, own. Output: tuple.
-- Grain: account, region, interface, kind, day, slot, protocol, action, local
--   and peer address and port, and the hop's addresses where they differ.
-- tuple_id names the five-tuple on its interface, whatever day and action.
CREATE OR REPLACE TEMP TABLE tuple AS
WITH sided AS (
    SELECT c.*,
        CASE WHEN c.kind = 1 THEN c.dst < c.src
             WHEN c.direction = 1 THEN TRUE
             WHEN c.direction = 2 THEN FALSE
             ELSE coalesce(d.place < s.place, TRUE) END AS arriving
    FROM conversation AS c
    LEFT JOIN own AS s ON c.direction = 0 AND s.account_id = c.account_id AND s.region = c.region
        AND s.interface_id = c.interface_id AND s.day IS NOT DISTINCT FROM c.day AND s.addr = c.src
    LEFT JOIN own AS d ON c.direction = 0 AND d.account_id = c.account_id AND d.region = c.region
        AND d.interface_id = c.interface_id AND d.day IS NOT DISTINCT FROM c.day AND d.addr = c.dst),
oriented AS (
    SELECT *,
        CASE WHEN arriving THEN coalesce(pkt_dst, dst) ELSE coalesce(pkt_src, src) END AS local_addr,
        CASE WHEN arriving THEN coalesce(pkt_src, src) ELSE coalesce(pkt_dst, dst) END AS peer_addr,
        CASE WHEN arriving THEN dstport ELSE srcport END AS local_port,
        CASE WHEN arriving THEN srcport ELSE dstport END AS peer_port,
        pkt_src IS NOT NULL OR pkt_dst IS NOT NULL AS hopped
    FROM sided)
SELECT account_id, region, interface_id, kind, day, slot, protocol, action,
    local_addr, peer_addr, local_port, peer_port,
    CASE WHEN hopped THEN CASE WHEN arriving THEN dst ELSE src END END AS hop_local,
    CASE WHEN hopped THEN CASE WHEN arriving THEN src ELSE dst END END AS hop_peer,
    hash(account_id, region, interface_id, kind, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port) AS tuple_id,
    sum(records)::BIGINT AS records,
    bool_or(arriving AND action <> 2) AND bool_or(NOT arriving AND action <> 2) AS answered,
    least(coalesce(sum(packets) FILTER (arriving), 0), 9223372036854775807)::BIGINT AS packets_in,
    least(coalesce(sum(packets) FILTER (NOT arriving), 0), 9223372036854775807)::BIGINT AS packets_out,
    least(coalesce(sum(bytes) FILTER (arriving), 0), 9223372036854775807)::BIGINT AS bytes_in,
    least(coalesce(sum(bytes) FILTER (NOT arriving), 0), 9223372036854775807)::BIGINT AS bytes_out,
    min("first") AS "first", max("last") AS "last", bit_or(hours) AS hours,
    bool_or(syn_ack) AS syn_ack, bool_or(has_flags) AS has_flags,
    -- Who sends SYN without ACK opens; who sends both answers.
    bool_or(CASE WHEN arriving THEN syn ELSE syn_ack END) AS peer_opened,
    bool_or(CASE WHEN arriving THEN syn_ack ELSE syn END) AS local_opened
FROM oriented
GROUP BY ALL
