-- Takes the five-tuple from lines whose addresses are none: their records count
-- as malformed.
-- Input: conversation, the variable no_address (a list of texts).
-- Output: conversation. Grain: unchanged, but for such lines.
UPDATE conversation SET use = 3, protocol = NULL, action = NULL, local_addr = NULL, peer_addr = NULL, hop_local = NULL, hop_peer = NULL,
    local_port = NULL, peer_port = NULL
WHERE list_contains(getvariable('no_address'), local_addr) OR list_contains(getvariable('no_address'), peer_addr)
    OR list_contains(getvariable('no_address'), hop_local) OR list_contains(getvariable('no_address'), hop_peer)
