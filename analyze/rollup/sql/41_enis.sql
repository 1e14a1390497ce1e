-- The day's interfaces, as they are stored: what they are, and in which hours
-- they were heard of.
-- Input: clean_slot, interface. Output: the rollup's table enis.
-- Grain: day, slot, account, region, interface.
WITH heard AS (
    SELECT eni, day, slot, min("first") AS "first", max("last") AS "last",
        bit_or(CASE WHEN status = 'OK' THEN hours ELSE 0 END::UINTEGER) AS hours_ok,
        bit_or(CASE WHEN status = 'NODATA' THEN hours ELSE 0 END::UINTEGER) AS hours_no_data,
        bit_or(CASE WHEN status = 'SKIPDATA' THEN hours ELSE 0 END::UINTEGER) AS hours_skip_data,
        sum(records)::BIGINT AS records
    FROM clean_slot
    WHERE kind = 0
    GROUP BY eni, day, slot)
SELECT h.day, h.slot, i.account_id, i.region, i.interface_id, i.interface_type,
    i.vpc_id, i.subnet_id, i.instance_id, i.ecs_service_name,
    i.instance_tag, i.instance_tag_2, i.interface_tag, i.interface_tag_2, i.asg_tag, i.asg_tag_2,
    h."first", h."last", h.hours_ok, h.hours_no_data, h.hours_skip_data, h.records
FROM heard AS h
JOIN interface AS i USING (eni)
ORDER BY day, slot, account_id, region, interface_id
