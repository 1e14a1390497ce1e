-- Makes the tables that one day rollup is worked out in, empty.
-- Input: none.
-- Output: conversation, interface_part, transit_part.
-- Grain: conversation: interface, status, one direction of one five-tuple, hour,
--   flags; several lines of one grain where the day came in batches. Its texts
--   are as the log has them: - or an empty text is absent.
--   interface_part: interface, batch.
--   transit_part: attachment pair, direction, address pair, day, slot, batch.
-- kind: 0 VPC flow log, 1 transit gateway flow log. flags: 2 SYN, 18 SYN and
-- ACK, else neither. slot: 0, but for cuts that part an hour.
CREATE OR REPLACE TEMP TABLE conversation (
    account_id VARCHAR, region VARCHAR, interface_id VARCHAR, kind TINYINT, log_status VARCHAR,
    protocol BIGINT, action VARCHAR, flow_direction VARCHAR,
    srcaddr VARCHAR, dstaddr VARCHAR, pkt_srcaddr VARCHAR, pkt_dstaddr VARCHAR, srcport BIGINT, dstport BIGINT,
    has_flags BOOLEAN, flags BIGINT, hour BIGINT, slot TINYINT,
    records BIGINT, packets BIGINT, bytes BIGINT, "first" BIGINT, "last" BIGINT);
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
