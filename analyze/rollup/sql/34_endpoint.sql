-- Finds the endpoints that answered on one port to at least 16 ports of others,
-- among the conversations that no SYN settled.
-- Input: sided. Output: endpoint. Grain: interface, protocol, address, port.
CREATE OR REPLACE TEMP TABLE endpoint AS
WITH met AS (
    SELECT eni, protocol, local_addr AS addr, local_port AS port, peer_port AS other
    FROM sided WHERE side = 0 AND answered AND local_port IS NOT NULL AND peer_port IS NOT NULL
    UNION ALL
    SELECT eni, protocol, peer_addr, peer_port, local_port
    FROM sided WHERE side = 0 AND answered AND local_port IS NOT NULL AND peer_port IS NOT NULL)
SELECT eni, protocol, addr, port, count(DISTINCT other) AS others
FROM met
GROUP BY ALL
HAVING others >= 16
