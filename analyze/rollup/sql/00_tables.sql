-- Makes the tables that one day rollup is worked out in, empty.
-- Input: none.
-- Output: conversation, interface_day, transit_part.
-- Grain: conversation: one direction of one five-tuple on one interface, day,
--   slot and action; several lines of one grain where the day came in batches.
--   interface_day: interface, day, slot, batch. transit_part: attachment pair,
--   address pair, day, slot, batch.
-- kind: 0 VPC flow log, 1 transit gateway flow log. action: 0 none, 1 ACCEPT,
-- 2 REJECT. direction: 0 not said, 1 ingress, 2 egress.
CREATE OR REPLACE TEMP TABLE conversation (
    account_id VARCHAR, region VARCHAR, interface_id VARCHAR, kind TINYINT, day INTEGER, slot TINYINT,
    protocol SMALLINT, action TINYINT, direction TINYINT,
    src VARCHAR, dst VARCHAR, pkt_src VARCHAR, pkt_dst VARCHAR, srcport INTEGER, dstport INTEGER,
    records BIGINT, packets BIGINT, bytes BIGINT, "first" BIGINT, "last" BIGINT, hours UINTEGER,
    syn BOOLEAN, syn_ack BOOLEAN, has_flags BOOLEAN);
CREATE OR REPLACE TEMP TABLE interface_day (
    account_id VARCHAR, region VARCHAR, interface_id VARCHAR, kind TINYINT, day INTEGER, slot TINYINT,
    vpc_id VARCHAR, subnet_id VARCHAR, instance_id VARCHAR, interface_type VARCHAR, ecs_service_name VARCHAR,
    instance_tag VARCHAR, instance_tag_2 VARCHAR, interface_tag VARCHAR, interface_tag_2 VARCHAR,
    asg_tag VARCHAR, asg_tag_2 VARCHAR,
    "first" BIGINT, "last" BIGINT, hours_ok UINTEGER, hours_no_data UINTEGER, hours_skip_data UINTEGER,
    records BIGINT, no_data BIGINT, skip_data BIGINT, malformed BIGINT, no_time BIGINT, misdated BIGINT);
CREATE OR REPLACE TEMP TABLE transit_part (
    account_id VARCHAR, region VARCHAR, day INTEGER, slot TINYINT,
    tgw_id VARCHAR, tgw_attachment_id VARCHAR, tgw_pair_attachment_id VARCHAR, flow_direction TINYINT,
    srcaddr VARCHAR, dstaddr VARCHAR,
    records BIGINT, packets BIGINT, bytes BIGINT, "first" BIGINT, "last" BIGINT,
    lost_no_route BIGINT, lost_blackhole BIGINT, lost_mtu_exceeded BIGINT, lost_ttl_expired BIGINT);
