-- Joins both directions of each conversation, seen from the interface.
-- Input: the view clean_slot (clean, and slot), own. Output: tuple.
-- Grain: interface, day, slot, protocol, action, local and peer address and
--   port, and the hop's addresses where they differ.
-- tuple_id names the five-tuple on its interface, whatever day and action. Of a
-- transit gateway's two records of a packet, on entering and on leaving, the
-- first counts; the sides are those of the addresses' order.
CREATE OR REPLACE TEMP TABLE tuple AS
SELECT eni, day, slot, protocol, action, local_addr, peer_addr, local_port, peer_port, hop_local, hop_peer,
    sum(records)::BIGINT AS records,
    least(sum(CASE WHEN arriving THEN packets ELSE 0 END), 9223372036854775807)::BIGINT AS packets_in,
    least(sum(CASE WHEN arriving THEN 0 ELSE packets END), 9223372036854775807)::BIGINT AS packets_out,
    least(sum(CASE WHEN arriving THEN bytes ELSE 0 END), 9223372036854775807)::BIGINT AS bytes_in,
    least(sum(CASE WHEN arriving THEN 0 ELSE bytes END), 9223372036854775807)::BIGINT AS bytes_out,
    min("first") AS "first", max("last") AS "last", bit_or(hours) AS hours,
    bool_or(has_flags) AS has_flags, bool_or(syn_ack) AS syn_ack,
    -- Who sends SYN without ACK opens; who sends both answers.
    bool_or(CASE WHEN arriving THEN syn ELSE syn_ack END) AS peer_opened,
    bool_or(CASE WHEN arriving THEN syn_ack ELSE syn END) AS local_opened,
    -- Whether it passed towards the interface, and from it.
    bool_or(arriving AND action <> 2) AS in_seen, bool_or(NOT arriving AND action <> 2) AS out_seen,
    hash(eni, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port) AS tuple_id
FROM (
    SELECT eni, day, slot, protocol, action, records, packets, bytes, "first", "last", hours, has_flags, syn, syn_ack, arriving,
        CASE WHEN arriving THEN to_addr ELSE from_addr END AS local_addr,
        CASE WHEN arriving THEN from_addr ELSE to_addr END AS peer_addr,
        CASE WHEN arriving THEN dstport ELSE srcport END AS local_port,
        CASE WHEN arriving THEN srcport ELSE dstport END AS peer_port,
        CASE WHEN hopped THEN CASE WHEN arriving THEN dstaddr ELSE srcaddr END END AS hop_local,
        CASE WHEN hopped THEN CASE WHEN arriving THEN srcaddr ELSE dstaddr END END AS hop_peer
    FROM (
        SELECT c.*,
            coalesce(c.pkt_src, c.srcaddr) AS from_addr, coalesce(c.pkt_dst, c.dstaddr) AS to_addr,
            c.pkt_src IS NOT NULL OR c.pkt_dst IS NOT NULL AS hopped,
            CASE WHEN c.kind = 1 THEN c.dstaddr < c.srcaddr
                 WHEN c.flow_direction = 'ingress' THEN TRUE
                 WHEN c.flow_direction = 'egress' THEN FALSE
                 ELSE coalesce(d.place < s.place, TRUE) END AS arriving
        FROM clean_slot AS c
        LEFT JOIN own AS s ON s.eni = c.eni AND s.day IS NOT DISTINCT FROM c.day AND s.addr = c.srcaddr
        LEFT JOIN own AS d ON d.eni = c.eni AND d.day IS NOT DISTINCT FROM c.day AND d.addr = c.dstaddr
        WHERE c.status = 'OK' AND c.has_addresses AND NOT (c.kind = 1 AND c.flow_direction IS NOT DISTINCT FROM 'egress')))
GROUP BY eni, day, slot, protocol, action, local_addr, peer_addr, local_port, peer_port, hop_local, hop_peer
