-- What the day's records come to, for the sidecar.
-- Input: clean; variable key_day. Output and grain: one line.
SELECT coalesce(sum(records), 0)::BIGINT,
    coalesce(sum(records) FILTER (status = 'NODATA'), 0)::BIGINT,
    coalesce(sum(records) FILTER (status = 'SKIPDATA'), 0)::BIGINT,
    coalesce(sum(records) FILTER (status = 'OK' AND NOT has_addresses), 0)::BIGINT,
    coalesce(sum(records) FILTER ("first" IS NULL), 0)::BIGINT,
    coalesce(sum(records) FILTER (abs(day - getvariable('key_day')) > 1), 0)::BIGINT
FROM clean
