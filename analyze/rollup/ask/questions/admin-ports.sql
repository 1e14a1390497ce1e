-- who uses the ports of administration (policy.admin-ports)
-- Grain: flow.
SELECT opener, target, service, "action", class, days, records, "last", internet, approved, sg, id
FROM flows WHERE admin_port
ORDER BY internet DESC, "action", days, opener, target, service, id
