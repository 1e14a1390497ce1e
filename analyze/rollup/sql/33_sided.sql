-- Says on which side each tuple was opened: 1 the peer opened it towards the
-- interface (in), 2 the interface did (out), 0 nothing tells, or both do.
-- Input: tuple, opener. Output: the view sided. Grain: as tuple.
CREATE OR REPLACE TEMP VIEW sided AS
SELECT t.* EXCLUDE (peer_opened, local_opened),
    CASE WHEN coalesce(o.peer_opened, t.peer_opened) = coalesce(o.local_opened, t.local_opened) THEN 0
         WHEN coalesce(o.peer_opened, t.peer_opened) THEN 1
         ELSE 2 END::TINYINT AS side
FROM tuple AS t
LEFT JOIN opener AS o ON o.tuple_id = t.tuple_id AND o.local_port = t.local_port AND o.peer_port = t.peer_port
