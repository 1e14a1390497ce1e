-- What the sums mean.
-- Input: conversation, interface_name; variable key_day (NULL: undated).
-- Output: the view clean. Grain: as conversation.
-- A line without a valid time has no first and last, and its objects' day.
CREATE OR REPLACE TEMP VIEW clean AS
SELECT n.eni, c.kind,
    CASE WHEN c."first" BETWEEN 1 AND 253402300799 THEN c."first" END AS "first",
    CASE WHEN c."first" BETWEEN 1 AND 253402300799 THEN CASE WHEN c."last" BETWEEN 1 AND 253402300799 THEN c."last" ELSE c."first" END END AS "last",
    CASE WHEN c."first" BETWEEN 1 AND 253402300799 THEN c.hour // 24 ELSE getvariable('key_day') END::INTEGER AS day,
    CASE WHEN c."first" BETWEEN 1 AND 253402300799 THEN 1::UINTEGER << (c.hour % 24)::UINTEGER ELSE 0 END::UINTEGER AS hours,
    CASE WHEN c.log_status IN ('NODATA', 'SKIPDATA') THEN c.log_status ELSE 'OK' END AS status,
    c.srcaddr, c.dstaddr, c.flow_direction, c.has_flags, c.records, c.packets, c.bytes,
    c.srcaddr NOT IN ('-', '') AND c.dstaddr NOT IN ('-', '') AS has_addresses,
    -- Where the packet's own addresses say no more they are absent.
    CASE WHEN c.pkt_srcaddr NOT IN ('-', '', c.srcaddr) THEN c.pkt_srcaddr END AS pkt_src,
    CASE WHEN c.pkt_dstaddr NOT IN ('-', '', c.dstaddr) THEN c.pkt_dstaddr END AS pkt_dst,
    CASE WHEN c.protocol BETWEEN 0 AND 255 THEN c.protocol END::SMALLINT AS protocol,
    CASE WHEN (c.protocol IS NULL OR c.protocol IN (6, 17)) AND c.srcport BETWEEN 0 AND 65535 THEN c.srcport END::INTEGER AS srcport,
    CASE WHEN (c.protocol IS NULL OR c.protocol IN (6, 17)) AND c.dstport BETWEEN 0 AND 65535 THEN c.dstport END::INTEGER AS dstport,
    CASE c.action WHEN 'ACCEPT' THEN 1 WHEN 'REJECT' THEN 2 ELSE 0 END::TINYINT AS action,
    -- The bits mean something on TCP alone.
    coalesce(c.flags = 2 AND (c.protocol IS NULL OR c.protocol = 6), FALSE) AS syn,
    coalesce(c.flags = 18 AND (c.protocol IS NULL OR c.protocol = 6), FALSE) AS syn_ack
FROM conversation AS c
JOIN interface_name AS n USING (account_id, region, interface_id, kind)
