-- What the day's records come to, for the sidecar.
-- Input: heard; variable key_day. Output and grain: one line.
SELECT coalesce(sum(records), 0)::BIGINT, coalesce(sum(no_data), 0)::BIGINT, coalesce(sum(skip_data), 0)::BIGINT,
    coalesce(sum(malformed), 0)::BIGINT, coalesce(sum(no_time), 0)::BIGINT,
    coalesce(sum(records) FILTER (abs(day - getvariable('key_day')) > 1), 0)::BIGINT
FROM heard
