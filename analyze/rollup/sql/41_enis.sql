-- The day's interfaces, as they are stored: what they are, and in which hours
-- they were heard of.
-- Input: heard, interface. Output: the rollup's table enis.
-- Grain: day, slot, account, region, interface.
SELECT h.day, h.slot, i.account_id, i.region, i.interface_id, i.interface_type,
    i.vpc_id, i.subnet_id, i.instance_id, i.ecs_service_name,
    i.instance_tag, i.instance_tag_2, i.interface_tag, i.interface_tag_2, i.asg_tag, i.asg_tag_2,
    h."first", h."last", h.hours_ok, h.hours_no_data, h.hours_skip_data, h.records
FROM heard AS h
JOIN interface AS i USING (eni)
WHERE h.kind = 0
ORDER BY day, slot, account_id, region, interface_id
