-- What a batch says of its interfaces themselves. A - sorts before any name.
-- Input: record. Output: lines of interface_part.
-- Grain: account, region, interface as the log has them.
INSERT INTO interface_part
SELECT coalesce(account_id, '-'), coalesce(region, '-'), coalesce(interface_id, '-'), kind,
    max(vpc_id), max(subnet_id), max(instance_id), max(interface_type), max(ecs_service_name),
    max(instance_tag), max(instance_tag_2), max(interface_tag), max(interface_tag_2), max(asg_tag), max(asg_tag_2)
FROM record
GROUP BY account_id, region, interface_id, kind
