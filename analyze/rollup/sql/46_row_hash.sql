-- A hash of a stored table's rows in their order.
-- Input: the variable stored, a rollup file's path. Output: the number of rows
--   and the hash. Grain: one line.
SELECT count(*), coalesce(bit_xor(hash(f)), 0)::UBIGINT
FROM read_parquet(getvariable('stored'), file_row_number = TRUE, hive_partitioning = FALSE) AS f
