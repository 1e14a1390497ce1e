-- The day's transit gateway evidence, as it is stored.
-- Input: transit_part. Output: the rollup's table transit.
-- Grain: day, slot, account, region, gateway, attachments, direction, address pair.
SELECT day, slot, account_id, region, coalesce(tgw_id, '') AS tgw_id,
    coalesce(tgw_attachment_id, '') AS tgw_attachment_id, coalesce(tgw_pair_attachment_id, '') AS tgw_pair_attachment_id,
    CASE flow_direction WHEN 1 THEN 'ingress' WHEN 2 THEN 'egress' ELSE '' END AS flow_direction, srcaddr, dstaddr,
    sum(records)::BIGINT AS records,
    least(coalesce(sum(packets), 0), 9223372036854775807)::BIGINT AS packets,
    least(coalesce(sum(bytes), 0), 9223372036854775807)::BIGINT AS bytes,
    min("first") AS "first", max("last") AS "last",
    least(coalesce(sum(lost_no_route), 0), 9223372036854775807)::BIGINT AS packets_lost_no_route,
    least(coalesce(sum(lost_blackhole), 0), 9223372036854775807)::BIGINT AS packets_lost_blackhole,
    least(coalesce(sum(lost_mtu_exceeded), 0), 9223372036854775807)::BIGINT AS packets_lost_mtu_exceeded,
    least(coalesce(sum(lost_ttl_expired), 0), 9223372036854775807)::BIGINT AS packets_lost_ttl_expired
FROM transit_part
GROUP BY ALL
ORDER BY day, slot, account_id, region, tgw_id, tgw_attachment_id, tgw_pair_attachment_id, flow_direction, srcaddr, dstaddr
