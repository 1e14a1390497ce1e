-- Sums a batch's records by the conversation that they are of, both directions
-- together. - and an empty text are absent, and so are numbers out of range.
-- Input: the view record, a batch's files: a column for each flow log field the
--   rollup knows, text or a number, NULL where the file has no such column
--   (made from the fixed list of fields), and started, ended, slot, kind, has_flags.
-- Output: lines of conversation. Grain: see there.
-- Of a transit gateway's two records of a packet, on entering and on leaving,
-- the first counts; the sides are those of the addresses' order.
INSERT INTO conversation
WITH said AS (
    SELECT *,
        CASE WHEN log_status = 'NODATA' THEN 4
             WHEN log_status = 'SKIPDATA' THEN 5
             WHEN coalesce(srcaddr, '-') IN ('-', '') OR coalesce(dstaddr, '-') IN ('-', '') THEN 3
             WHEN kind = 1 AND flow_direction = 'egress' THEN 2
             WHEN kind = 0 AND coalesce(flow_direction, '-') NOT IN ('ingress', 'egress') THEN 1
             ELSE 0 END::TINYINT AS use,
        use < 2 AND coalesce(CASE kind WHEN 1 THEN dstaddr < srcaddr ELSE flow_direction = 'ingress' END, FALSE) AS arriving,
        -- Where the packet's own addresses say no more they are absent.
        CASE WHEN use < 2 AND pkt_srcaddr NOT IN ('-', '', srcaddr) THEN pkt_srcaddr END AS pkt_src,
        CASE WHEN use < 2 AND pkt_dstaddr NOT IN ('-', '', dstaddr) THEN pkt_dstaddr END AS pkt_dst,
        use < 2 AND (protocol IS NULL OR protocol IN (6, 17)) AS ported,
        -- The bits mean something on TCP alone.
        CASE WHEN protocol <> 6 THEN 0
             WHEN (tcp_flags & 18) = 2 THEN 1
             WHEN (tcp_flags & 18) = 18 THEN 2
             ELSE 0 END::UTINYINT AS opening
    FROM record),
seen AS (
    SELECT coalesce(account_id, '-') AS account_id, coalesce(region, '-') AS region, coalesce(interface_id, '-') AS interface_id,
        kind, use, (started // 86400)::INTEGER AS day, slot, arriving,
        CASE WHEN use < 2 AND protocol BETWEEN 0 AND 255 THEN protocol END::SMALLINT AS protocol,
        CASE WHEN use < 2 THEN CASE action WHEN 'ACCEPT' THEN 1 WHEN 'REJECT' THEN 2 ELSE 0 END END::TINYINT AS action,
        CASE WHEN use < 2 THEN coalesce(pkt_src, srcaddr) END AS from_addr,
        CASE WHEN use < 2 THEN coalesce(pkt_dst, dstaddr) END AS to_addr,
        CASE WHEN pkt_src IS NOT NULL OR pkt_dst IS NOT NULL THEN srcaddr END AS hop_from,
        CASE WHEN pkt_src IS NOT NULL OR pkt_dst IS NOT NULL THEN dstaddr END AS hop_to,
        CASE WHEN ported AND srcport BETWEEN 0 AND 65535 THEN srcport END::INTEGER AS from_port,
        CASE WHEN ported AND dstport BETWEEN 0 AND 65535 THEN dstport END::INTEGER AS to_port,
        packets, bytes, started, ended,
        CASE WHEN started IS NULL THEN 0 ELSE 1::UINTEGER << (started // 3600 % 24)::UINTEGER END::UINTEGER AS hours,
        (CASE WHEN arriving THEN opening ELSE opening << 2 END) | (has_flags::UTINYINT << 4) AS marks
    FROM said)
SELECT account_id, region, interface_id, kind, use, day, slot, protocol, action,
    local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port, records, arrived,
    least(greatest(packets_in, 0), 9223372036854775807)::BIGINT, least(greatest(packets_all - packets_in, 0), 9223372036854775807)::BIGINT,
    least(greatest(bytes_in, 0), 9223372036854775807)::BIGINT, least(greatest(bytes_all - bytes_in, 0), 9223372036854775807)::BIGINT,
    "first", "last", hours, marks
FROM (
    SELECT account_id, region, interface_id, kind, use, day, slot, protocol, action,
        CASE WHEN arriving THEN to_addr ELSE from_addr END AS local_addr,
        CASE WHEN arriving THEN from_addr ELSE to_addr END AS peer_addr,
        CASE WHEN arriving THEN hop_to ELSE hop_from END AS hop_local,
        CASE WHEN arriving THEN hop_from ELSE hop_to END AS hop_peer,
        CASE WHEN arriving THEN to_port ELSE from_port END AS local_port,
        CASE WHEN arriving THEN from_port ELSE to_port END AS peer_port,
        count(*) AS records, sum(arriving::INTEGER)::BIGINT AS arrived,
        coalesce(sum(packets), 0) AS packets_all, coalesce(sum(CASE WHEN arriving THEN packets END), 0) AS packets_in,
        coalesce(sum(bytes), 0) AS bytes_all, coalesce(sum(CASE WHEN arriving THEN bytes END), 0) AS bytes_in,
        min(started) AS "first", max(ended) AS "last", bit_or(hours) AS hours, bit_or(marks) AS marks
    FROM seen
    GROUP BY ALL)
