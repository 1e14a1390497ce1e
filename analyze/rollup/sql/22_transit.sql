-- Sums a batch's transit gateway records by attachments and address pair.
-- Input: record. Output: lines of transit_part.
-- Grain: see transit_part.
INSERT INTO transit_part
SELECT account_id, region, day, slot, tgw_id, tgw_attachment_id, tgw_pair_attachment_id, direction, src, dst,
    count(*), least(coalesce(sum(packets), 0), 9223372036854775807)::BIGINT, least(coalesce(sum(bytes), 0), 9223372036854775807)::BIGINT,
    min(started), max(ended),
    least(coalesce(sum(packets_lost_no_route), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_lost_blackhole), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_lost_mtu_exceeded), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_lost_ttl_expired), 0), 9223372036854775807)::BIGINT
FROM record
WHERE kind = 1 AND src IS NOT NULL AND dst IS NOT NULL
GROUP BY ALL
