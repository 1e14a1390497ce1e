-- Makes the tables that one day rollup is worked out in, empty.
-- Input: none.
-- Output: conversation, interface_part, transit_part.
-- Grain: conversation: interface, use, day, slot, five-tuple as the interface
--   sees it, action; several lines of one grain where the day came in batches.
--   interface_part: interface, batch.
--   transit_part: attachment pair, direction, address pair, day, slot, batch.
-- kind: 0 VPC flow log, 1 transit gateway flow log.
-- use: 0 a flow; 1 a flow whose direction the log does not say, written as if it
-- left; 2 counted elsewhere (leaving a transit gateway); 3 without addresses;
-- 4 NODATA; 5 SKIPDATA. From 2 on it has no five-tuple.
-- day: NULL where the records have no valid time.
-- marks, one bit each: 1 SYN towards the interface, 2 SYN and ACK towards it,
-- 4 SYN from it, 8 SYN and ACK from it, 16 the log has flags.
CREATE OR REPLACE TEMP TABLE conversation (
    account_id VARCHAR, region VARCHAR, interface_id VARCHAR, kind TINYINT, use TINYINT, day INTEGER, slot TINYINT,
    protocol SMALLINT, action TINYINT, local_addr VARCHAR, peer_addr VARCHAR, hop_local VARCHAR, hop_peer VARCHAR,
    local_port INTEGER, peer_port INTEGER,
    records BIGINT, arrived BIGINT, packets_in BIGINT, packets_out BIGINT, bytes_in BIGINT, bytes_out BIGINT,
    "first" BIGINT, "last" BIGINT, hours UINTEGER, marks UTINYINT);
CREATE OR REPLACE TEMP TABLE interface_part (
    account_id VARCHAR, region VARCHAR, interface_id VARCHAR, kind TINYINT,
    vpc_id VARCHAR, subnet_id VARCHAR, instance_id VARCHAR, interface_type VARCHAR, ecs_service_name VARCHAR,
    instance_tag VARCHAR, instance_tag_2 VARCHAR, interface_tag VARCHAR, interface_tag_2 VARCHAR,
    asg_tag VARCHAR, asg_tag_2 VARCHAR);
CREATE OR REPLACE TEMP TABLE transit_part (
    account_id VARCHAR, region VARCHAR, day BIGINT, slot TINYINT,
    tgw_id VARCHAR, tgw_attachment_id VARCHAR, tgw_pair_attachment_id VARCHAR, flow_direction VARCHAR,
    srcaddr VARCHAR, dstaddr VARCHAR,
    records BIGINT, packets BIGINT, bytes BIGINT, "first" BIGINT, "last" BIGINT,
    lost_no_route BIGINT, lost_blackhole BIGINT, lost_mtu_exceeded BIGINT, lost_ttl_expired BIGINT)
