-- The addresses of a stored table of flows that are not plainly IPv4: IPv6, or
-- no addresses at all.
-- Input: the variable stored, the file's path. Output: text. Grain: one address.
SELECT addr FROM (
    SELECT DISTINCT local_addr AS addr FROM read_parquet(getvariable('stored'), hive_partitioning = FALSE)
    UNION SELECT DISTINCT peer_addr FROM read_parquet(getvariable('stored'), hive_partitioning = FALSE)
    UNION SELECT DISTINCT hop_local FROM read_parquet(getvariable('stored'), hive_partitioning = FALSE)
    UNION SELECT DISTINCT hop_peer FROM read_parquet(getvariable('stored'), hive_partitioning = FALSE))
WHERE NOT regexp_full_match(addr, '((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])')
ORDER BY addr
