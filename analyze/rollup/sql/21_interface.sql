-- Sums up a batch by interface: what it is, and in which hours it was heard of.
-- Input: record; variable key_day. Output: lines of interface_day.
-- Grain: account, region, interface, day, slot.
INSERT INTO interface_day
SELECT account_id, region, interface_id, kind, day, slot,
    max(vpc_id), max(subnet_id), max(instance_id), max(interface_type), max(ecs_service_name),
    max(instance_tag), max(instance_tag_2), max(interface_tag), max(interface_tag_2), max(asg_tag), max(asg_tag_2),
    min(started), max(ended),
    coalesce(bit_or(hour_bit) FILTER (status = 'OK'), 0::UINTEGER),
    coalesce(bit_or(hour_bit) FILTER (status = 'NODATA'), 0::UINTEGER),
    coalesce(bit_or(hour_bit) FILTER (status = 'SKIPDATA'), 0::UINTEGER),
    count(*), count(*) FILTER (status = 'NODATA'), count(*) FILTER (status = 'SKIPDATA'),
    count(*) FILTER (status = 'OK' AND (src IS NULL OR dst IS NULL)),
    count(*) FILTER (started IS NULL),
    count(*) FILTER (abs(day - getvariable('key_day')) > 1)
FROM record
GROUP BY ALL
