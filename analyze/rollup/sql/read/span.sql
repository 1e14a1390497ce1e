-- Where the records of day rollups lie in time.
-- Input: the variable flows, the rollups' files.
-- Output: the first and the last second; NULL where no record has a time. Grain: one line.
SELECT min("first"), max("last") FROM read_parquet(getvariable('flows'), hive_partitioning = FALSE)
