-- Names of protocols and services as every other command writes them.
CREATE MACRO protocol_name(p) AS
    CASE WHEN p = -2 THEN NULL WHEN p = -1 THEN 'all' WHEN p = 1 THEN 'icmp' WHEN p = 6 THEN 'tcp'
         WHEN p = 17 THEN 'udp' WHEN p = 58 THEN 'icmpv6' ELSE p::VARCHAR END;
CREATE MACRO service_name(p, port) AS
    CASE WHEN p = -2 THEN NULL WHEN port = -1 THEN protocol_name(p) ELSE protocol_name(p) || '/' || port::VARCHAR END;
