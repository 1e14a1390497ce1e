-- Gathers who opened each five-tuple that stands on several lines of tuple, so
-- that its records without SYN bits take it over.
-- Input: tuple. Output: opener. Grain: five-tuple on an interface.
CREATE OR REPLACE TEMP TABLE opener AS
SELECT tuple_id, local_port, peer_port, bool_or(peer_opened) AS peer_opened, bool_or(local_opened) AS local_opened
FROM tuple
WHERE local_port IS NOT NULL AND peer_port IS NOT NULL
GROUP BY ALL
HAVING count(*) > 1 AND (bool_or(peer_opened) OR bool_or(local_opened))
