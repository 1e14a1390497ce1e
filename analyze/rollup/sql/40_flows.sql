-- The day's flows, as they are stored.
-- Input: sided, endpoint, interface. Output: the rollup's table flows.
-- Grain: day, slot, account, region, interface, side, protocol, local and peer
--   address, the hop's addresses, service port, action. An unsettled line has
--   both ports, unless one end is an endpoint: then the other's are folded.
WITH folded AS (
    SELECT s.*,
        CASE WHEN s.side = 1 THEN 1
             WHEN s.side = 2 THEN 2
             WHEN l.others IS NOT NULL AND (p.others IS NULL OR l.others > p.others
                 OR l.others = p.others AND s.local_port < s.peer_port) THEN 1
             WHEN p.others IS NOT NULL AND (l.others IS NULL OR p.others > l.others
                 OR p.others = l.others AND s.peer_port < s.local_port) THEN 2
             ELSE 0 END AS served -- 1 at the interface, 2 at the peer, 0 not known
    FROM sided AS s
    -- The side is part of the key: a condition beside it would have every pair compared.
    LEFT JOIN endpoint AS l ON l.side = s.side AND l.protocol IS NOT DISTINCT FROM s.protocol
        AND l.addr = s.local_addr AND l.port = s.local_port
    LEFT JOIN endpoint AS p ON p.side = s.side AND p.protocol IS NOT DISTINCT FROM s.protocol
        AND p.addr = s.peer_addr AND p.port = s.peer_port),
shown AS (
    SELECT * EXCLUDE (local_port, peer_port),
        CASE WHEN served <> 2 THEN local_port END AS local_port,
        CASE WHEN served <> 1 THEN peer_port END AS peer_port,
        CASE served WHEN 1 THEN peer_port WHEN 2 THEN local_port END AS opener_port
    FROM folded),
summed AS (
    SELECT eni, day, slot, side, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port, action,
        min(opener_port) AS opener_port_low, max(opener_port) AS opener_port_high,
        sum(records)::BIGINT AS records,
        least(sum(packets_in), 9223372036854775807)::BIGINT AS packets_in,
        least(sum(packets_out), 9223372036854775807)::BIGINT AS packets_out,
        least(sum(bytes_in), 9223372036854775807)::BIGINT AS bytes_in,
        least(sum(bytes_out), 9223372036854775807)::BIGINT AS bytes_out,
        min("first") AS "first", max("last") AS "last", bit_or(hours) AS hours,
        bool_or(syn_ack) AS syn_ack, bool_or(has_flags) AS has_flags
    FROM shown
    GROUP BY ALL)
SELECT s.day, s.slot, i.account_id, i.region, i.interface_id, i.interface_type,
    CASE s.side WHEN 1 THEN 'in' WHEN 2 THEN 'out' ELSE 'unsettled' END AS side,
    s.protocol, s.local_addr, s.peer_addr, s.hop_local, s.hop_peer, s.local_port, s.peer_port,
    CASE s.action WHEN 1 THEN 'ACCEPT' WHEN 2 THEN 'REJECT' ELSE '' END AS action,
    s.opener_port_low, s.opener_port_high, s.records,
    least(s.packets_in::HUGEINT + s.packets_out, 9223372036854775807)::BIGINT AS packets,
    least(s.bytes_in::HUGEINT + s.bytes_out, 9223372036854775807)::BIGINT AS bytes,
    s.packets_in, s.packets_out, s.bytes_in, s.bytes_out, s."first", s."last", s.hours, s.syn_ack, s.has_flags,
    CASE WHEN s.side = 0 THEN '' ELSE 'syn' END AS method
FROM summed AS s
JOIN interface AS i USING (eni)
ORDER BY day, slot, account_id, region, interface_id, interface_type, s.side, protocol, local_addr, peer_addr, hop_local, hop_peer,
    local_port, peer_port, s.action
