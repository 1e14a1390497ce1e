-- Sums the day's records by interface: when it was heard of, and what of it
-- counts for nothing else.
-- Input: clean_slot; variable key_day. Output: heard.
-- Grain: interface, day, slot.
CREATE OR REPLACE TEMP TABLE heard AS
SELECT eni, kind, day, slot, min("first") AS "first", max("last") AS "last",
    bit_or(CASE WHEN status = 'OK' THEN hours ELSE 0 END::UINTEGER) AS hours_ok,
    bit_or(CASE WHEN status = 'NODATA' THEN hours ELSE 0 END::UINTEGER) AS hours_no_data,
    bit_or(CASE WHEN status = 'SKIPDATA' THEN hours ELSE 0 END::UINTEGER) AS hours_skip_data,
    sum(records)::BIGINT AS records,
    coalesce(sum(records) FILTER (status = 'NODATA'), 0)::BIGINT AS no_data,
    coalesce(sum(records) FILTER (status = 'SKIPDATA'), 0)::BIGINT AS skip_data,
    coalesce(sum(records) FILTER (status = 'OK' AND NOT has_addresses), 0)::BIGINT AS malformed,
    coalesce(sum(records) FILTER ("first" IS NULL), 0)::BIGINT AS no_time
FROM clean_slot
GROUP BY eni, kind, day, slot
