-- The day's interfaces, as they are stored.
-- Input: interface_day. Output: the rollup's table enis.
-- Grain: day, slot, account, region, interface.
SELECT day, slot, account_id, region, interface_id,
    max(vpc_id) AS vpc_id, max(subnet_id) AS subnet_id, max(instance_id) AS instance_id,
    max(interface_type) AS interface_type, max(ecs_service_name) AS ecs_service_name,
    max(instance_tag) AS instance_tag, max(instance_tag_2) AS instance_tag_2,
    max(interface_tag) AS interface_tag, max(interface_tag_2) AS interface_tag_2,
    max(asg_tag) AS asg_tag, max(asg_tag_2) AS asg_tag_2,
    min("first") AS "first", max("last") AS "last",
    bit_or(hours_ok) AS hours_ok, bit_or(hours_no_data) AS hours_no_data, bit_or(hours_skip_data) AS hours_skip_data,
    sum(records)::BIGINT AS records, sum(no_data)::BIGINT AS no_data, sum(skip_data)::BIGINT AS skip_data,
    sum(malformed)::BIGINT AS malformed, sum(no_time)::BIGINT AS no_time, sum(misdated)::BIGINT AS misdated
FROM interface_day
WHERE kind = 0
GROUP BY day, slot, account_id, region, interface_id
ORDER BY day, slot, account_id, region, interface_id
