-- Joins both directions of each conversation, seen from the interface.
-- Input: the view clean_slot (clean, and slot), own. Output: tuple.
-- Grain: interface, day, slot, protocol, action, local and peer address and
--   port, and the hop's addresses where they differ.
-- tuple_id names the five-tuple on its interface, whatever day and action. Of a
-- transit gateway's two records of a packet, on entering and on leaving, the
-- first counts; the sides are those of the addresses' order.
CREATE OR REPLACE TEMP TABLE tuple AS
WITH sided AS (
    SELECT c.*,
        CASE WHEN c.kind = 1 THEN c.dstaddr < c.srcaddr
             WHEN c.flow_direction = 'ingress' THEN TRUE
             WHEN c.flow_direction = 'egress' THEN FALSE
             ELSE coalesce(d.place < s.place, TRUE) END AS arriving,
        pkt_src IS NOT NULL OR pkt_dst IS NOT NULL AS hopped
    FROM clean_slot AS c
    LEFT JOIN own AS s ON s.eni = c.eni AND s.day IS NOT DISTINCT FROM c.day AND s.addr = c.srcaddr
    LEFT JOIN own AS d ON d.eni = c.eni AND d.day IS NOT DISTINCT FROM c.day AND d.addr = c.dstaddr
    WHERE c.status = 'OK' AND c.has_addresses AND NOT (c.kind = 1 AND c.flow_direction IS NOT DISTINCT FROM 'egress')),
-- Who sends SYN without ACK opens; who sends both answers.
oriented AS (
    SELECT eni, day, slot, protocol, action,
        coalesce(pkt_dst, dstaddr) AS local_addr, coalesce(pkt_src, srcaddr) AS peer_addr, dstport AS local_port, srcport AS peer_port,
        CASE WHEN hopped THEN dstaddr END AS hop_local, CASE WHEN hopped THEN srcaddr END AS hop_peer,
        records, packets AS packets_in, 0::BIGINT AS packets_out, bytes AS bytes_in, 0::BIGINT AS bytes_out,
        "first", "last", hours, has_flags, syn_ack, syn AS peer_opened, syn_ack AS local_opened,
        action <> 2 AS in_seen, FALSE AS out_seen
    FROM sided WHERE arriving
    UNION ALL
    SELECT eni, day, slot, protocol, action,
        coalesce(pkt_src, srcaddr), coalesce(pkt_dst, dstaddr), srcport, dstport,
        CASE WHEN hopped THEN srcaddr END, CASE WHEN hopped THEN dstaddr END,
        records, 0, packets, 0, bytes,
        "first", "last", hours, has_flags, syn_ack, syn_ack, syn,
        FALSE, action <> 2
    FROM sided WHERE NOT arriving)
SELECT eni, day, slot, protocol, action, local_addr, peer_addr, local_port, peer_port, hop_local, hop_peer,
    sum(records)::BIGINT AS records,
    least(sum(packets_in), 9223372036854775807)::BIGINT AS packets_in,
    least(sum(packets_out), 9223372036854775807)::BIGINT AS packets_out,
    least(sum(bytes_in), 9223372036854775807)::BIGINT AS bytes_in,
    least(sum(bytes_out), 9223372036854775807)::BIGINT AS bytes_out,
    min("first") AS "first", max("last") AS "last", bit_or(hours) AS hours,
    bool_or(has_flags) AS has_flags, bool_or(syn_ack) AS syn_ack,
    bool_or(peer_opened) AS peer_opened, bool_or(local_opened) AS local_opened,
    bool_or(in_seen) AND bool_or(out_seen) AS answered,
    hash(eni, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port) AS tuple_id
FROM oriented
GROUP BY eni, day, slot, protocol, action, local_addr, peer_addr, local_port, peer_port, hop_local, hop_peer
