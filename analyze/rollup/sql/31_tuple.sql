-- The conversations, seen from the interface, where the log does not say it too:
-- there the better placed address is the interface's own.
-- Input: conversation, interface_name, own; variable key_day. Output: tuple.
-- Grain: as conversation, flows alone.
-- tuple_id names the five-tuple on its interface, whatever day and action.
CREATE OR REPLACE TEMP TABLE tuple AS
WITH named AS (
    SELECT c.* EXCLUDE (account_id, region, interface_id, kind, day), n.eni, coalesce(c.day, getvariable('key_day')) AS day
    FROM conversation AS c
    JOIN interface_name AS n USING (account_id, region, interface_id, kind)
    WHERE c.use < 2),
turned AS (
    SELECT c.eni, c.day, slot, protocol, action,
        CASE WHEN turn THEN peer_addr ELSE local_addr END AS local_addr, CASE WHEN turn THEN local_addr ELSE peer_addr END AS peer_addr,
        CASE WHEN turn THEN hop_peer ELSE hop_local END AS hop_local, CASE WHEN turn THEN hop_local ELSE hop_peer END AS hop_peer,
        CASE WHEN turn THEN peer_port ELSE local_port END AS local_port, CASE WHEN turn THEN local_port ELSE peer_port END AS peer_port,
        records, CASE WHEN turn THEN records ELSE arrived END AS arrived,
        CASE WHEN turn THEN packets_out ELSE packets_in END AS packets_in, CASE WHEN turn THEN packets_in ELSE packets_out END AS packets_out,
        CASE WHEN turn THEN bytes_out ELSE bytes_in END AS bytes_in, CASE WHEN turn THEN bytes_in ELSE bytes_out END AS bytes_out,
        "first", "last", hours, CASE WHEN turn THEN (marks & 16) | ((marks & 12) >> 2) ELSE marks END AS marks
    FROM (
        SELECT c.*, c.use = 1 AND coalesce(d.place < s.place, TRUE) AS turn
        FROM named AS c
        LEFT JOIN own AS s ON s.eni = c.eni AND s.day IS NOT DISTINCT FROM c.day AND s.addr = coalesce(c.hop_local, c.local_addr)
        LEFT JOIN own AS d ON d.eni = c.eni AND d.day IS NOT DISTINCT FROM c.day AND d.addr = coalesce(c.hop_peer, c.peer_addr)) AS c)
SELECT eni, day, slot, protocol, action, local_addr, peer_addr, local_port, peer_port, hop_local, hop_peer,
    records, packets_in, packets_out, bytes_in, bytes_out, "first", "last", hours,
    (marks & 16) <> 0 AS has_flags, (marks & 10) <> 0 AS syn_ack,
    -- Who sends SYN without ACK opens; who sends both answers.
    (marks & 9) <> 0 AS peer_opened, (marks & 6) <> 0 AS local_opened,
    -- Whether it passed towards the interface, and from it.
    arrived > 0 AND action <> 2 AS in_seen, arrived < records AND action <> 2 AS out_seen,
    hash(eni, protocol, local_addr, peer_addr, hop_local, hop_peer, local_port, peer_port) AS tuple_id
FROM turned
