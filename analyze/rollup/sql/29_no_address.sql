-- Makes addresses that are none absent: such records count as malformed.
-- Input: conversation, the variable no_address (a list of texts).
-- Output: conversation. Grain: unchanged.
UPDATE conversation SET srcaddr = '-'
WHERE list_contains(getvariable('no_address'), srcaddr) OR list_contains(getvariable('no_address'), dstaddr)
    OR list_contains(getvariable('no_address'), pkt_srcaddr) OR list_contains(getvariable('no_address'), pkt_dstaddr)
