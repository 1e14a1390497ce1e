"""Runs DuckDB by itself over flow logs: what the ingest is measured against.

alone.py MODE SQLDIR THREADS SCRATCH PLACE [ENDPOINT]

MODE group: one GROUP BY over all objects, as plain as SQL has it.
MODE rollup: all of the ingest's own SQL over all objects at once.
PLACE is a folder, or s3://bucket/prefix with the gateway's ENDPOINT; then the
httpfs extension reads the objects. Prints one line of JSON.
"""

import glob
import json
import os
import sys
import time

import duckdb

TEXT = """account_id interface_id srcaddr dstaddr action log_status pkt_srcaddr pkt_dstaddr region flow_direction
vpc_id subnet_id instance_id interface_type ecs_service_name instance_tag instance_tag_2 interface_tag interface_tag_2
asg_tag asg_tag_2 tgw_id tgw_attachment_id tgw_pair_attachment_id""".split()
NUMBERS = """srcport dstport protocol packets bytes start end tcp_flags packets_lost_no_route packets_lost_blackhole
packets_lost_mtu_exceeded packets_lost_ttl_expired""".split()

# What any reader of flow logs would write who wants to know who talked to whom.
GROUP = """CREATE TEMP TABLE result AS
SELECT started // 86400 AS day, account_id, region, interface_id, protocol, srcaddr, dstaddr, pkt_srcaddr, pkt_dstaddr,
    srcport, dstport, action, flow_direction, log_status, count(*) AS records, sum(packets) AS packets, sum(bytes) AS bytes,
    min(started) AS "first", max(ended) AS "last", bit_or(tcp_flags) AS flags, bit_or(1 << (started // 3600 % 24)) AS hours
FROM record GROUP BY ALL"""


def connect(threads, scratch, endpoint):
    con = duckdb.connect()
    con.execute(f"SET threads = {threads}")
    con.execute("SET memory_limit = '768MiB'")
    con.execute(f"SET temp_directory = '{scratch}'")
    con.execute("SET enable_external_file_cache = FALSE")
    if endpoint:
        from duckdb_extension_httpfs import __path__ as where

        [extension] = glob.glob(os.path.join(where[0], "**", "httpfs.duckdb_extension*"), recursive=True)
        con.execute(f"LOAD '{extension}'")
        con.execute(
            "CREATE SECRET (TYPE s3, KEY_ID ?, SECRET ?, REGION 'us-east-1', ENDPOINT ?, URL_STYLE 'path', USE_SSL FALSE)",
            [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], endpoint.removeprefix("http://")],
        )
    return con


def view(con, files):
    con.execute("SET VARIABLE files = ?", [files])
    have = {row[0] for row in con.execute("SELECT name FROM parquet_schema(?)", [files[0]]).fetchall()}
    fields = [(f'"{n}"' if n in have else "NULL::VARCHAR") + f' AS "{n}"' for n in TEXT]
    fields += [(f'"{n}"::BIGINT' if n in have else "NULL::BIGINT") + f' AS "{n}"' for n in NUMBERS]
    con.execute(f"""CREATE TEMP VIEW record AS
SELECT {", ".join(fields)}, TRUE AS has_flags, 0::TINYINT AS kind, "start" AS started, "end" AS ended, 0::TINYINT AS slot
FROM read_parquet(getvariable('files'), hive_partitioning = FALSE, binary_as_string = TRUE)""")


def rollup(con, sql, scratch):
    def text(name):
        with open(os.path.join(sql, name + ".sql"), encoding="utf-8") as f:
            return f.read()

    con.execute("SET VARIABLE key_account = ''; SET VARIABLE key_region = ''; SET VARIABLE key_day = NULL::INTEGER")
    steps = sorted(n[:-4] for n in os.listdir(sql) if n < "36")
    for name in steps:
        if name[:2] not in ("22", "23", "29"):  # transit gateways, unreadable files, addresses that are none
            con.execute(text(name))
    for name in ("40_flows", "41_enis"):
        out = os.path.join(scratch, name + ".parquet")
        con.execute(f"COPY (\n{text(name).strip()}\n) TO '{out}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)")


def main():
    mode, sql, threads, scratch, place = sys.argv[1:6]
    endpoint = sys.argv[6] if len(sys.argv) > 6 else ""
    con = connect(threads, scratch, endpoint)
    began = time.monotonic()
    pattern = place + "/**/*.parquet"
    files = sorted(row[0] for row in con.execute("SELECT file FROM glob(?)", [pattern]).fetchall())
    view(con, files)
    if mode == "group":
        con.execute(GROUP)
    else:
        rollup(con, sql, scratch)
    seconds = time.monotonic() - began
    with open("/proc/self/status", encoding="ascii") as f:
        rss = next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM:"))
    print(json.dumps({"seconds": seconds, "rss": rss}))


main()
