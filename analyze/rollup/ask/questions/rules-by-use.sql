-- each rule, entry and route with the flows that used it, the least used first
-- Grain: rule. Needs observations made with a snapshot.
SELECT kind, resource, rule, state, flows, alone, records, "last", round(used_share, 6) AS used_share, len(contained_in)::INTEGER AS contained_in
FROM rules
ORDER BY flows, records, kind, resource, rule
