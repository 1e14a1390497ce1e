-- Numbers the interfaces, by their names where the log has them and by their
-- objects' key where it has not.
-- Input: conversation, interface_part; variables key_account and key_region.
-- Output: interface_name (what the log wrote, and the number), interface.
-- Grain: interface_name: account, region, interface as written; interface: number.
CREATE OR REPLACE TEMP TABLE interface_name AS
SELECT account_id, region, interface_id, kind,
    CASE WHEN account_id IN ('-', '', 'unknown') THEN getvariable('key_account') ELSE account_id END AS account,
    CASE WHEN region IN ('-', '') THEN getvariable('key_region') ELSE region END AS place,
    CASE WHEN interface_id = '-' THEN '' ELSE interface_id END AS name,
    dense_rank() OVER (ORDER BY account, place, name, kind)::INTEGER AS eni
FROM (SELECT DISTINCT account_id, region, interface_id, kind FROM conversation);
CREATE OR REPLACE TEMP TABLE interface AS
SELECT n.eni, any_value(n.account) AS account_id, any_value(n.place) AS region, any_value(n.name) AS interface_id, any_value(n.kind) AS kind,
    nullif(nullif(max(p.vpc_id), '-'), '') AS vpc_id,
    nullif(nullif(max(p.subnet_id), '-'), '') AS subnet_id,
    nullif(nullif(max(p.instance_id), '-'), '') AS instance_id,
    CASE WHEN any_value(n.kind) = 1 THEN 'transit_gateway'
         WHEN max(p.interface_type) NOT IN ('-', '') THEN max(p.interface_type)
         -- AWS leaves the interface out for regional NAT gateways alone.
         WHEN any_value(n.name) = '' THEN 'regional_nat_gateway'
         ELSE '' END AS interface_type,
    nullif(nullif(max(p.ecs_service_name), '-'), '') AS ecs_service_name,
    nullif(nullif(max(p.instance_tag), '-'), '') AS instance_tag, nullif(nullif(max(p.instance_tag_2), '-'), '') AS instance_tag_2,
    nullif(nullif(max(p.interface_tag), '-'), '') AS interface_tag, nullif(nullif(max(p.interface_tag_2), '-'), '') AS interface_tag_2,
    nullif(nullif(max(p.asg_tag), '-'), '') AS asg_tag, nullif(nullif(max(p.asg_tag_2), '-'), '') AS asg_tag_2
FROM interface_name AS n
LEFT JOIN interface_part AS p USING (account_id, region, interface_id, kind)
GROUP BY n.eni
