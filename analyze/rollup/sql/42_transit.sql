-- The day's transit gateway evidence, as it is stored.
-- Input: transit_part; variables key_account, key_region, key_day.
-- Output: the rollup's table transit.
-- Grain: day, slot, account, region, gateway, attachments, direction, address pair.
SELECT coalesce(day, getvariable('key_day'))::INTEGER AS day, slot,
    CASE WHEN coalesce(account_id, '-') IN ('-', '', 'unknown') THEN getvariable('key_account') ELSE account_id END AS account_id,
    CASE WHEN coalesce(region, '-') IN ('-', '') THEN getvariable('key_region') ELSE region END AS region,
    CASE WHEN tgw_id = '-' THEN '' ELSE tgw_id END AS tgw_id,
    CASE WHEN coalesce(tgw_attachment_id, '-') = '-' THEN '' ELSE tgw_attachment_id END AS tgw_attachment_id,
    CASE WHEN coalesce(tgw_pair_attachment_id, '-') = '-' THEN '' ELSE tgw_pair_attachment_id END AS tgw_pair_attachment_id,
    CASE WHEN flow_direction IN ('ingress', 'egress') THEN flow_direction ELSE '' END AS flow_direction, srcaddr, dstaddr,
    sum(records)::BIGINT AS records,
    least(sum(packets), 9223372036854775807)::BIGINT AS packets, least(sum(bytes), 9223372036854775807)::BIGINT AS bytes,
    min("first") AS "first", max("last") AS "last",
    least(sum(lost_no_route), 9223372036854775807)::BIGINT AS packets_lost_no_route,
    least(sum(lost_blackhole), 9223372036854775807)::BIGINT AS packets_lost_blackhole,
    least(sum(lost_mtu_exceeded), 9223372036854775807)::BIGINT AS packets_lost_mtu_exceeded,
    least(sum(lost_ttl_expired), 9223372036854775807)::BIGINT AS packets_lost_ttl_expired
FROM transit_part
GROUP BY ALL
ORDER BY ALL
