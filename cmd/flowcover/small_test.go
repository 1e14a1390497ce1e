package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

// smallLogs writes two days of hourly text flow logs for testdata/small: the two
// web servers ask the database on 5432, clients inside ask the web servers on
// 443, and a scanner knocks in vain at 22.
func smallLogs(dir, account string) error {
	const header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags flow-direction\n"
	for hour := range 48 {
		at := time.Date(2026, 9, 1, hour, 0, 0, 0, time.UTC)
		var b strings.Builder
		b.WriteString(header)
		line := func(eni, src, dst string, sport, dport int, action string, flags int, direction string) {
			fmt.Fprintf(&b, "5 %s %s %s %s %d %d 6 10 840 %d %d %s OK %d %s\n", account, eni, src, dst, sport, dport, at.Unix()+60, at.Unix()+120, action, flags, direction)
		}
		talk := func(from, fromENI, to, toENI string, sport, port int) {
			if fromENI != "" {
				line(fromENI, from, to, sport, port, "ACCEPT", 3, "egress")
				line(fromENI, to, from, port, sport, "ACCEPT", 19, "ingress")
			}
			line(toENI, from, to, sport, port, "ACCEPT", 3, "ingress")
			line(toENI, to, from, port, sport, "ACCEPT", 19, "egress")
		}
		talk("10.0.1.10", "eni-0web1", "10.0.2.20", "eni-0db", 40000+hour, 5432)
		talk("10.0.1.11", "eni-0web2", "10.0.2.20", "eni-0db", 41000+hour, 5432)
		talk("10.0.2.20", "eni-0db", "10.0.1.10", "eni-0web1", 42000+hour, 443)
		talk("10.0.2.20", "eni-0db", "10.0.1.11", "eni-0web2", 43000+hour, 443)
		line("eni-0db", "203.0.113.9", "10.0.2.20", 50000, 22, "ACCEPT", 2, "ingress")
		name := fmt.Sprintf("%s_vpcflowlogs_ap-northeast-2_fl-0small_%s_%08x.log", account, at.Format("20060102T1504Z"), hour)
		folder := filepath.Join(dir, "AWSLogs", account, "vpcflowlogs", "ap-northeast-2", at.Format("2006/01/02"))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// cmdLogs is "logs DIR [ACCOUNT]".
func cmdLogs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: logs DIR [ACCOUNT]")
	}
	account := "111122223333"
	if len(args) == 2 {
		account = args[1]
	}
	ts.Check(smallLogs(ts.MkAbs(args[0]), account))
}

func TestSmallLogsAreTheSameEachTime(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		if err := smallLogs(dir, "1"); err != nil {
			t.Fatal(err)
		}
	}
	var names [2][]string
	for i, dir := range []string{a, b} {
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				data, rerr := os.ReadFile(p)
				names[i] = append(names[i], strings.TrimPrefix(p, dir)+string(data))
				err = rerr
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names[0]) != 48 || strings.Join(names[0], "") != strings.Join(names[1], "") {
		t.Error("two runs differ")
	}
}

// cmdParquet is "parquet KIND FILE": a flow log object that is whole, cut short
// (truncated), or without the columns that everything needs (no-addresses).
func cmdParquet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: parquet KIND FILE")
	}
	text := func(name, value string) parquetio.FlowLogColumn {
		return parquetio.FlowLogColumn{Name: name, Kind: parquetio.FlowLogString, Strings: []string{value}}
	}
	number := func(name string, value int64) parquetio.FlowLogColumn {
		return parquetio.FlowLogColumn{Name: name, Kind: parquetio.FlowLogInt64, Ints: []int64{value}}
	}
	at := time.Date(2026, 9, 1, 3, 0, 0, 0, time.UTC).Unix()
	columns := []parquetio.FlowLogColumn{
		text("account_id", "111122223333"), text("interface_id", "eni-0db"), number("srcport", 40000), number("dstport", 5432),
		number("protocol", 6), number("packets", 1), number("bytes", 60), number("start", at), number("end", at+60), text("action", "ACCEPT"), text("log_status", "OK"),
	}
	if args[0] != "no-addresses" {
		columns = append(columns, text("srcaddr", "10.0.1.10"), text("dstaddr", "10.0.2.20"))
	}
	var b bytes.Buffer
	ts.Check(parquetio.WriteFlowLog(&b, columns, parquetio.FlowLogOptions{}))
	data := b.Bytes()
	if args[0] == "truncated" {
		data = data[:len(data)/2]
	}
	file := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file, data, 0o600))
}
