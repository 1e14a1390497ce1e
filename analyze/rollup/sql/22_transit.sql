-- Sums a batch's transit gateway records by attachments and address pair.
-- Input: record. Output: lines of transit_part. Grain: see transit_part.
INSERT INTO transit_part
SELECT account_id, region, started // 86400 AS day, slot,
    tgw_id, tgw_attachment_id, tgw_pair_attachment_id, flow_direction, srcaddr, dstaddr,
    count(*),
    least(greatest(coalesce(sum(packets), 0), 0), 9223372036854775807)::BIGINT,
    least(greatest(coalesce(sum(bytes), 0), 0), 9223372036854775807)::BIGINT,
    min(started), max(ended),
    least(greatest(coalesce(sum(packets_lost_no_route), 0), 0), 9223372036854775807)::BIGINT,
    least(greatest(coalesce(sum(packets_lost_blackhole), 0), 0), 9223372036854775807)::BIGINT,
    least(greatest(coalesce(sum(packets_lost_mtu_exceeded), 0), 0), 9223372036854775807)::BIGINT,
    least(greatest(coalesce(sum(packets_lost_ttl_expired), 0), 0), 9223372036854775807)::BIGINT
FROM record
WHERE kind = 1 AND srcaddr IS NOT NULL AND dstaddr IS NOT NULL AND srcaddr NOT IN ('-', '') AND dstaddr NOT IN ('-', '')
GROUP BY ALL
