-- Sums a batch's records by directed five-tuple and hour. Values are taken as
-- they are: what they mean is worked out on the sums, which are fewer.
-- Input: the view record, a batch's files: a column for each flow log field the
--   rollup knows, text or a number, NULL where the file has no such column
--   (made from the fixed list of fields), and started, ended, kind, has_flags.
-- Output: lines of conversation. Grain: see there.
INSERT INTO conversation
SELECT coalesce(account_id, '-'), coalesce(region, '-'), coalesce(interface_id, '-'), kind, log_status,
    protocol, action, flow_direction, coalesce(srcaddr, '-'), coalesce(dstaddr, '-'), pkt_srcaddr, pkt_dstaddr, srcport, dstport,
    has_flags, flags, hour, slot, records,
    least(greatest(coalesce(packets, 0), 0), 9223372036854775807)::BIGINT,
    least(greatest(coalesce(bytes, 0), 0), 9223372036854775807)::BIGINT,
    "first", "last"
FROM (
    SELECT account_id, region, interface_id, kind, log_status,
        protocol, action, flow_direction, srcaddr, dstaddr, pkt_srcaddr, pkt_dstaddr, srcport, dstport,
        has_flags, tcp_flags & 18 AS flags, started // 3600 AS hour, slot,
        count(*) AS records, sum(packets) AS packets, sum(bytes) AS bytes, min(started) AS "first", max(ended) AS "last"
    FROM record
    GROUP BY ALL)
