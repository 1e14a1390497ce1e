package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// minimized is what a program reads of minimize --json.
type minimized struct {
	Rules []struct {
		Protocol string
		Ports    any
		CIDR     string
		Action   string
	}
	Price          int
	Proven         bool
	ExtraAddresses *big.Int `json:"extra_addresses"`
	Excess         *big.Int `json:"weighted_excess"`
	Bound          *big.Int `json:"lower_bound"`
	Frontier       []struct {
		Price  int
		Excess *big.Int
	}
}

// minimize runs the program on its own input and decodes what it prints.
func minimize(t *testing.T, input string, args ...string) minimized {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], append([]string{"minimize", file, "--json"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("minimize %q: %v\n%s", args, err, errs.String())
	}
	var m minimized
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return m
}

// opens is what printed rules mean, read with none of the program's parsers.
func (m *minimized) opens(t *testing.T) *netset.Set {
	t.Helper()
	var out []netset.Block
	for _, r := range m.Rules {
		protocol := map[string]netset.Protocol{"-1": netset.AllProtocols, "tcp": netset.TCP, "udp": netset.UDP, "icmp": netset.ICMP}[r.Protocol]
		if protocol == 0 {
			n, err := strconv.Atoi(r.Protocol)
			if err != nil {
				t.Fatalf("protocol %q", r.Protocol)
			}
			protocol = netset.Protocol(n)
		}
		from, to := -1, -1
		switch ports := r.Ports.(type) {
		case float64:
			from, to = int(ports), int(ports)
			if protocol == netset.ICMP {
				to = -1
			}
		case string:
			if n, _ := fmt.Sscanf(ports, "%d-%d", &from, &to); n != 2 {
				t.Fatalf("ports %q", ports)
			}
		}
		out = append(out, netset.Block{Prefix: netip.MustParsePrefix(r.CIDR), Columns: netset.RuleColumns(protocol, from, to)})
	}
	return netset.Of(out...)
}

func TestMinimizeOpenCases(t *testing.T) {
	folder := casesFolder()
	if folder == "" {
		t.Skip("the open cases are not beside this checkout")
	}
	list, err := os.ReadFile(filepath.Join(folder, "prefixes", "ec2-us-east-1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[int]string{19: "1702671456", 20: "1635611744", 40: "535515744", 60: "121524832", 100: "7733344", 200: "10240", 232: "0"} {
		m := minimize(t, string(list), "--max", strconv.Itoa(k))
		if m.ExtraAddresses.String() != want || !m.Proven || m.Price > k || len(m.Rules) != m.Price || m.Bound.Cmp(m.Excess) != 0 {
			t.Errorf("K=%d: %s extra addresses by %d rules, proven %v; want %s", k, m.ExtraAddresses, m.Price, m.Proven, want)
		}
	}
	data, err := os.ReadFile(filepath.Join(folder, "minimize", "exact.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		ID            string
		Before, After json.RawMessage
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		after := minimize(t, string(c.After), "--exact") // as a list, it means what it says
		m := minimize(t, string(c.Before), "--exact")
		var most []json.RawMessage
		if err := json.Unmarshal(c.After, &most); err != nil {
			t.Fatal(err)
		}
		if m.Price > len(most) || !m.Proven || !m.opens(t).Equal(after.opens(t)) {
			t.Errorf("%s: %+v", c.ID, m.Rules)
		}
	}
}

// TestMinimizeWrittenInManyWays: the same rules, however written, and no rule
// for all traffic made of its protocols.
func TestMinimizeWrittenInManyWays(t *testing.T) {
	block := func(p netset.Protocol, from, to int, cidr string) netset.Block {
		return netset.Block{Prefix: netip.MustParsePrefix(cidr), Columns: netset.RuleColumns(p, from, to)}
	}
	for _, c := range []struct {
		name, in string
		rules    int
		want     []netset.Block
	}{
		{"ports in every form", `[["tcp","443","10.0.0.0/32"],["6",443,"10.0.0.1"],[6,"443-443","10.0.0.2/31"]]`, 1, []netset.Block{block(netset.TCP, 443, 443, "10.0.0.0/30")}},
		{"ranges that touch", `[["udp","1-10","10.0.0.0/31"],["17",11,"10.0.0.0/31"],["udp","12-20","10.0.0.0/31"]]`, 1, []netset.Block{block(netset.UDP, 1, 20, "10.0.0.0/31")}},
		{"three protocols are not all", `[["tcp",null,"10.0.0.0/8"],["udp",null,"10.0.0.0/8"],["icmp",null,"10.0.0.0/8"]]`, 3,
			[]netset.Block{block(netset.TCP, -1, -1, "10.0.0.0/8"), block(netset.UDP, -1, -1, "10.0.0.0/8"), block(netset.ICMP, -1, -1, "10.0.0.0/8")}},
		{"all holds the rest", `[["any",null,"10.0.0.0/8"],["tcp",null,"10.0.0.0/9"],["icmp",8,"10.1.0.0/16"],[47,null,"10.0.0.1"],["-1",null,"11.0.0.0/8"]]`, 1, []netset.Block{block(netset.AllProtocols, -1, -1, "10.0.0.0/7")}},
		{"ICMP types stay apart", `[["icmp",8,"10.0.0.0/32"],["1","8","10.0.0.1/32"],["icmp",9,"10.0.0.0/31"]]`, 2,
			[]netset.Block{block(netset.ICMP, 8, -1, "10.0.0.0/31"), block(netset.ICMP, 9, -1, "10.0.0.0/31")}},
		{"all of ICMP beside a type", "icmp,,10.0.0.0/32\nicmp,8,10.0.0.1/32\nicmp,,10.0.0.2/31\n", 3,
			[]netset.Block{block(netset.ICMP, -1, -1, "10.0.0.0/32"), block(netset.ICMP, 8, -1, "10.0.0.1/32"), block(netset.ICMP, -1, -1, "10.0.0.2/31")}},
	} {
		m := minimize(t, c.in, "--exact")
		if m.Price > c.rules || len(m.Rules) != m.Price || !m.opens(t).Equal(netset.Of(c.want...)) {
			t.Errorf("%s: %+v", c.name, m.Rules)
		}
	}
}

// TestMinimizeStops: an interrupt ends a search that would take hours.
func TestMinimizeStops(t *testing.T) {
	var list strings.Builder
	for i := range 60000 {
		fmt.Fprintf(&list, "tcp,%d,10.%d.%d.%d\n", 1+i*7919%40, i*31%7, i*17%251, i*13%256)
	}
	cmd := exec.Command(os.Args[0], "minimize", "-", "--effort", "100000")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The list is larger than a pipe holds: once it is written the program reads.
	if _, err := io.WriteString(in, list.String()); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("ended by itself")
	}
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit status %d, want 130", got)
	}
}
