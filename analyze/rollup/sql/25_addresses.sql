-- The addresses that are not plainly IPv4: IPv6, or no addresses at all.
-- Input: conversation. Output: text. Grain: one address.
SELECT addr FROM (
    SELECT DISTINCT srcaddr AS addr FROM conversation
    UNION SELECT DISTINCT dstaddr FROM conversation
    UNION SELECT DISTINCT pkt_srcaddr FROM conversation
    UNION SELECT DISTINCT pkt_dstaddr FROM conversation)
WHERE addr NOT IN ('-', '')
    AND NOT regexp_full_match(addr, '((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])')
ORDER BY addr
