-- Takes out the records whose addresses are none, and counts them as malformed.
-- Input: conversation, the variable no_address (a list of texts).
-- Output: a line of interface_day that counts them; conversation without them.
INSERT INTO interface_day BY NAME
SELECT account_id, region, interface_id, kind, day, slot, 0 AS records, 0 AS no_data, 0 AS skip_data,
    sum(records)::BIGINT AS malformed, 0 AS no_time, 0 AS misdated
FROM conversation
WHERE list_contains(getvariable('no_address'), src) OR list_contains(getvariable('no_address'), dst)
    OR list_contains(getvariable('no_address'), pkt_src) OR list_contains(getvariable('no_address'), pkt_dst)
GROUP BY ALL;
DELETE FROM conversation
WHERE list_contains(getvariable('no_address'), src) OR list_contains(getvariable('no_address'), dst)
    OR list_contains(getvariable('no_address'), pkt_src) OR list_contains(getvariable('no_address'), pkt_dst);
