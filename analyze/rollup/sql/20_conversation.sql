-- Sums a batch's records by directed five-tuple.
-- Input: record. Output: lines of conversation.
-- Grain: see conversation. Of a transit gateway's two records of a packet, on
-- entering and on leaving, the first counts.
INSERT INTO conversation
SELECT account_id, region, interface_id, kind, day, slot, protocol, action, direction,
    src, dst, pkt_src, pkt_dst, srcport, dstport,
    count(*), least(coalesce(sum(packets), 0), 9223372036854775807)::BIGINT, least(coalesce(sum(bytes), 0), 9223372036854775807)::BIGINT,
    min(started), max(ended), bit_or(hour_bit), bool_or(syn), bool_or(syn_ack), bool_or(has_flags)
FROM record
WHERE src IS NOT NULL AND dst IS NOT NULL AND status = 'OK' AND NOT (kind = 1 AND direction = 2)
GROUP BY ALL
