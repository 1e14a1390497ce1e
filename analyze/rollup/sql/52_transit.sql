-- Transit gateway evidence over a window.
-- Input: the variable transit, the rollups' files; parameters as of enis.
-- Output: one line for analyze.Transit. Grain: account, region, gateway,
--   attachments, direction, address pair.
SELECT account_id, region, tgw_id, tgw_attachment_id, tgw_pair_attachment_id, flow_direction, srcaddr, dstaddr,
    least(coalesce(sum(records), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets), 0), 9223372036854775807)::BIGINT, least(coalesce(sum(bytes), 0), 9223372036854775807)::BIGINT,
    min("first"), max("last"),
    least(coalesce(sum(packets_lost_no_route), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_lost_blackhole), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_lost_mtu_exceeded), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_lost_ttl_expired), 0), 9223372036854775807)::BIGINT
FROM read_parquet(getvariable('transit'), hive_partitioning = FALSE)
WHERE "first" >= $1::BIGINT AND "first" < $2::BIGINT
    OR "first" IS NULL AND (day IS NULL OR day >= $3::INTEGER AND day < $4::INTEGER)
GROUP BY ALL
ORDER BY ALL
