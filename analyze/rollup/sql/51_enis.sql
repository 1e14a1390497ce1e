-- The interfaces' hours over a window.
-- Input: the variable enis, the rollups' files; parameters as of rows.
-- Output: one line for analyze.ENIHours. Grain: account, region, interface, day.
SELECT account_id, region, interface_id, day,
    bit_or(hours_ok), bit_or(hours_no_data), bit_or(hours_skip_data),
    max(vpc_id), max(subnet_id), max(instance_id), max(interface_type), max(ecs_service_name)
FROM read_parquet(getvariable('enis'), hive_partitioning = FALSE)
WHERE day IS NOT NULL AND interface_id <> ''
    AND ("first" >= $1::BIGINT AND "first" < $2::BIGINT OR "first" IS NULL AND day >= $3::INTEGER AND day < $4::INTEGER)
GROUP BY account_id, region, interface_id, day
ORDER BY account_id, region, interface_id, day
