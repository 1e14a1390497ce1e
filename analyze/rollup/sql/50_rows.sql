-- Day rollups summed over a window.
-- Input: the variable flows, the rollups' files; the variables zone_from and
--   zone_offset: the seconds from which the window's zone has which offset from
--   UTC in seconds, ascending; parameters: since and until in seconds; the first
--   and the last day of the bitmap; the window's first day and the day after its
--   last, for records without a time.
-- Output: one line for analyze.Row. Grain: as flows, without day and slot.
SELECT account_id, region, interface_id, max(interface_type), side, protocol, local_addr, peer_addr, hop_local, hop_peer,
    local_port, peer_port, action,
    min(opener_port_low), max(opener_port_high),
    least(coalesce(sum(records), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets), 0), 9223372036854775807)::BIGINT, least(coalesce(sum(bytes), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(packets_in), 0), 9223372036854775807)::BIGINT, least(coalesce(sum(packets_out), 0), 9223372036854775807)::BIGINT,
    least(coalesce(sum(bytes_in), 0), 9223372036854775807)::BIGINT, least(coalesce(sum(bytes_out), 0), 9223372036854775807)::BIGINT,
    min("first"), max("last"), bit_or(hours),
    CAST(bitstring_agg(CASE WHEN "first" IS NULL THEN day
        ELSE (("first" + getvariable('zone_offset')[greatest(1, len(list_filter(getvariable('zone_from'), x -> x <= "first")))]) // 86400)::INTEGER
        END, $3, $4) AS VARCHAR),
    bool_or(syn_ack), bool_or(has_flags), max(method)
FROM read_parquet(getvariable('flows'), hive_partitioning = FALSE)
WHERE "first" >= $1::BIGINT AND "first" < $2::BIGINT
    OR "first" IS NULL AND (day IS NULL OR day >= $5::INTEGER AND day < $6::INTEGER)
GROUP BY account_id, region, interface_id, side, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port, action
ORDER BY account_id, region, interface_id, side, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port, action
