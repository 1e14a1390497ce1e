-- The day's flows, as they are stored.
-- Input: sided, endpoint, interface_day. Output: the rollup's table flows.
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
    LEFT JOIN endpoint AS l ON s.side = 0 AND l.account_id = s.account_id AND l.region = s.region
        AND l.interface_id = s.interface_id AND l.kind = s.kind AND l.protocol IS NOT DISTINCT FROM s.protocol
        AND l.addr = s.local_addr AND l.port = s.local_port
    LEFT JOIN endpoint AS p ON s.side = 0 AND p.account_id = s.account_id AND p.region = s.region
        AND p.interface_id = s.interface_id AND p.kind = s.kind AND p.protocol IS NOT DISTINCT FROM s.protocol
        AND p.addr = s.peer_addr AND p.port = s.peer_port),
shown AS (
    SELECT * EXCLUDE (local_port, peer_port, action, side),
        CASE side WHEN 1 THEN 'in' WHEN 2 THEN 'out' ELSE 'unsettled' END AS side,
        CASE action WHEN 1 THEN 'ACCEPT' WHEN 2 THEN 'REJECT' ELSE '' END AS action,
        CASE WHEN served <> 2 THEN local_port END AS local_port,
        CASE WHEN served <> 1 THEN peer_port END AS peer_port,
        CASE served WHEN 1 THEN peer_port WHEN 2 THEN local_port END AS opener_port
    FROM folded),
types AS (
    SELECT account_id, region, interface_id, kind, max(interface_type) AS interface_type
    FROM interface_day GROUP BY ALL),
summed AS (
    SELECT day, slot, account_id, region, interface_id, kind, side, protocol, local_addr, peer_addr, hop_local, hop_peer,
        local_port, peer_port, action,
        min(opener_port) AS opener_port_low, max(opener_port) AS opener_port_high,
        sum(records)::BIGINT AS records,
        least(coalesce(sum(packets_in), 0) + coalesce(sum(packets_out), 0), 9223372036854775807)::BIGINT AS packets,
        least(coalesce(sum(bytes_in), 0) + coalesce(sum(bytes_out), 0), 9223372036854775807)::BIGINT AS bytes,
        least(coalesce(sum(packets_in), 0), 9223372036854775807)::BIGINT AS packets_in,
        least(coalesce(sum(packets_out), 0), 9223372036854775807)::BIGINT AS packets_out,
        least(coalesce(sum(bytes_in), 0), 9223372036854775807)::BIGINT AS bytes_in,
        least(coalesce(sum(bytes_out), 0), 9223372036854775807)::BIGINT AS bytes_out,
        min("first") AS "first", max("last") AS "last", bit_or(hours) AS hours,
        bool_or(syn_ack) AS syn_ack, bool_or(has_flags) AS has_flags,
        CASE WHEN side = 'unsettled' THEN '' ELSE 'syn' END AS method
    FROM shown
    GROUP BY ALL)
SELECT s.* EXCLUDE (kind),
    CASE WHEN s.kind = 1 THEN 'transit_gateway'
         -- AWS leaves the interface out for regional NAT gateways alone.
         ELSE coalesce(t.interface_type, CASE WHEN s.interface_id = '' THEN 'regional_nat_gateway' ELSE '' END) END AS interface_type
FROM summed AS s
LEFT JOIN types AS t USING (account_id, region, interface_id, kind)
ORDER BY day, slot, account_id, region, interface_id, interface_type, side, protocol, local_addr, peer_addr, hop_local, hop_peer,
    local_port, peer_port, action
