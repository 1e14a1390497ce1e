-- Finds the endpoints that answered on one port to at least 16 ports of others,
-- among the conversations that no SYN settled. Request and answer may pass
-- different interfaces, as they do at a transit gateway: any of the partition's
-- interfaces will do for either.
-- Input: sided. Output: endpoint. Grain: protocol, address, port.
CREATE OR REPLACE TEMP TABLE endpoint AS
WITH pair AS (
    -- An address and port pair once, whichever end's interface saw it: the ends
    -- in the order of their addresses, then ports.
    SELECT protocol,
        CASE WHEN sorted THEN local_addr ELSE peer_addr END AS a_addr, CASE WHEN sorted THEN local_port ELSE peer_port END AS a_port,
        CASE WHEN sorted THEN peer_addr ELSE local_addr END AS b_addr, CASE WHEN sorted THEN peer_port ELSE local_port END AS b_port,
        bool_or(CASE WHEN sorted THEN out_seen ELSE in_seen END) AS a_sent,
        bool_or(CASE WHEN sorted THEN in_seen ELSE out_seen END) AS b_sent
    FROM (
        SELECT *, local_addr < peer_addr OR local_addr = peer_addr AND local_port <= peer_port AS sorted
        FROM sided
        WHERE side = 0 AND local_port IS NOT NULL AND peer_port IS NOT NULL)
    GROUP BY ALL),
met AS (
    SELECT protocol, a_addr AS addr, a_port AS port, b_port AS other FROM pair WHERE a_sent AND b_sent
    UNION ALL
    SELECT protocol, b_addr, b_port, a_port FROM pair WHERE a_sent AND b_sent)
SELECT 0::TINYINT AS side, protocol, addr, port, count(DISTINCT other) AS others
FROM met
GROUP BY ALL
HAVING others >= 16
