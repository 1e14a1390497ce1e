-- Reads a batch's records with one meaning whatever their file's format.
-- Input: the view field: a batch's files, a column for each flow log field the
--   rollup knows, text or BIGINT, NULL where absent (made from the fixed list of
--   fields); variables key_account, key_region, key_day (NULL: undated).
-- Output: the view record, but for its slot. Grain: one flow log record.
CREATE OR REPLACE TEMP VIEW record_time AS
WITH timed AS (
    SELECT *,
        CASE WHEN "start" BETWEEN 1 AND 253402300799 THEN "start"
             WHEN "end" BETWEEN 1 AND 253402300799 THEN "end" END AS started,
        CASE WHEN "end" BETWEEN 1 AND 253402300799 THEN "end"
             WHEN "start" BETWEEN 1 AND 253402300799 THEN "start" END AS ended
    FROM field)
SELECT
    CASE WHEN account_id IS NULL OR account_id = 'unknown' THEN getvariable('key_account') ELSE account_id END AS account_id,
    coalesce(region, getvariable('key_region')) AS region,
    coalesce(interface_id, '') AS interface_id,
    CASE WHEN interface_id IS NULL AND tgw_id IS NOT NULL THEN 1 ELSE 0 END::TINYINT AS kind,
    CASE WHEN started IS NULL THEN getvariable('key_day') ELSE started // 86400 END::INTEGER AS day,
    started, ended,
    coalesce(1::UINTEGER << (started // 3600 % 24)::UINTEGER, 0::UINTEGER) AS hour_bit,
    CASE WHEN protocol BETWEEN 0 AND 255 THEN protocol END::SMALLINT AS protocol,
    CASE action WHEN 'ACCEPT' THEN 1 WHEN 'REJECT' THEN 2 ELSE 0 END::TINYINT AS action,
    CASE flow_direction WHEN 'ingress' THEN 1 WHEN 'egress' THEN 2 ELSE 0 END::TINYINT AS direction,
    srcaddr AS src, dstaddr AS dst,
    -- Where they say no more than srcaddr and dstaddr they are absent.
    nullif(pkt_srcaddr, srcaddr) AS pkt_src, nullif(pkt_dstaddr, dstaddr) AS pkt_dst,
    CASE WHEN (protocol IS NULL OR protocol IN (6, 17)) AND srcport BETWEEN 0 AND 65535 THEN srcport END::INTEGER AS srcport,
    CASE WHEN (protocol IS NULL OR protocol IN (6, 17)) AND dstport BETWEEN 0 AND 65535 THEN dstport END::INTEGER AS dstport,
    CASE WHEN packets >= 0 THEN packets END AS packets,
    CASE WHEN bytes >= 0 THEN bytes END AS bytes,
    -- The bits mean something on TCP alone.
    coalesce(tcp_flags & 18 = 2 AND (protocol IS NULL OR protocol = 6), FALSE) AS syn,
    coalesce(tcp_flags & 18 = 18 AND (protocol IS NULL OR protocol = 6), FALSE) AS syn_ack,
    has_flags,
    CASE WHEN log_status IN ('NODATA', 'SKIPDATA') THEN log_status ELSE 'OK' END AS status,
    vpc_id, subnet_id, instance_id, interface_type, ecs_service_name,
    instance_tag, instance_tag_2, interface_tag, interface_tag_2, asg_tag, asg_tag_2,
    tgw_id, tgw_attachment_id, tgw_pair_attachment_id,
    packets_lost_no_route, packets_lost_blackhole, packets_lost_mtu_exceeded, packets_lost_ttl_expired
FROM timed
