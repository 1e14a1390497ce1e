-- Sums the day's records by interface: when it was heard of, and what of it
-- counts for nothing else.
-- Input: conversation, interface_name; variable key_day. Output: heard.
-- Grain: interface, day, slot.
CREATE OR REPLACE TEMP TABLE heard AS
SELECT n.eni, n.kind, coalesce(c.day, getvariable('key_day')) AS day, slot, min("first") AS "first", max("last") AS "last",
    bit_or(CASE WHEN use < 4 THEN hours ELSE 0 END::UINTEGER) AS hours_ok,
    bit_or(CASE WHEN use = 4 THEN hours ELSE 0 END::UINTEGER) AS hours_no_data,
    bit_or(CASE WHEN use = 5 THEN hours ELSE 0 END::UINTEGER) AS hours_skip_data,
    sum(records)::BIGINT AS records,
    coalesce(sum(records) FILTER (use = 4), 0)::BIGINT AS no_data,
    coalesce(sum(records) FILTER (use = 5), 0)::BIGINT AS skip_data,
    coalesce(sum(records) FILTER (use = 3), 0)::BIGINT AS malformed,
    coalesce(sum(records) FILTER ("first" IS NULL), 0)::BIGINT AS no_time
FROM (
    -- First by the names as they are written, which are there already.
    SELECT account_id, region, interface_id, kind, use, day, slot, min("first") AS "first", max("last") AS "last", bit_or(hours) AS hours, sum(records) AS records
    FROM conversation
    GROUP BY ALL) AS c
JOIN interface_name AS n USING (account_id, region, interface_id, kind)
GROUP BY n.eni, n.kind, coalesce(c.day, getvariable('key_day')), slot
