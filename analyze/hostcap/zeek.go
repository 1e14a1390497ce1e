package hostcap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// ReadZeek reads Zeek's conn.log, as TSV with its #fields line or as JSON, one
// object a line. The originator opened the connection, unless Zeek only guessed
// which it is; local is the originator
// unless Zeek says that only the responder is local.
func ReadZeek(r io.Reader) (*analyze.Capture, error) {
	s := newScanner(r)
	var rec Recorder
	f := zeekForm{separator: "\t", unset: "-"}
	others := map[string]int{} // lines of other logs
	for n := 1; s.Scan(); n++ {
		b := bytes.TrimRight(s.Bytes(), "\r\n ")
		var m map[string]string
		var err error
		switch {
		case len(b) == 0:
			continue
		case b[0] == '{':
			m, err = zeekJSON(b)
		case b[0] == '#':
			err = f.header(string(b))
		case f.fields == nil:
			err = errors.New("no #fields line before it")
		default:
			m, err = f.line(string(b))
		}
		if p := m["_path"]; err == nil && p != "" && p != "conn" {
			others[p]++
			continue
		}
		if err == nil && m != nil {
			err = addZeek(&rec, m)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if rec.Len() == 0 && len(others) > 0 {
		return nil, fmt.Errorf("a log of Zeek's, but of %s: want conn.log", strings.Join(slices.Sorted(maps.Keys(others)), ", "))
	}
	return rec.Capture(), nil
}

// zeekForm is what a log's # lines say of the lines that follow.
type zeekForm struct {
	separator, unset string
	path             string // which log it is
	fields           []string
}

// header reads a # line. Only the first, #separator, has a blank in it.
func (f *zeekForm) header(line string) error {
	if v, ok := strings.CutPrefix(line, "#separator "); ok {
		sep, err := strconv.Unquote(`"` + v + `"`) // written as \x09
		if err != nil || sep == "" {
			return fmt.Errorf("#separator %q: want a character, or its code such as \\x09", v)
		}
		f.separator = sep
		return nil
	}
	w := strings.Split(line, f.separator)
	switch w[0] {
	case "#fields":
		f.fields = w[1:]
	case "#path":
		if len(w) == 2 {
			f.path = w[1]
		}
	case "#unset_field":
		if len(w) == 2 {
			f.unset = w[1]
		}
	}
	return nil
}

func (f *zeekForm) line(text string) (map[string]string, error) {
	w := strings.Split(text, f.separator)
	if len(w) != len(f.fields) {
		return nil, fmt.Errorf("%d fields: #fields names %d", len(w), len(f.fields))
	}
	m := map[string]string{"_path": f.path}
	for i, name := range f.fields {
		if w[i] != f.unset {
			m[name] = w[i]
		}
	}
	return m, nil
}

func zeekJSON(b []byte) (map[string]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	m := map[string]string{}
	var id map[string]json.RawMessage
	if json.Unmarshal(raw["id"], &id) == nil { // as an object of its own
		for k, v := range id {
			raw["id."+k] = v
		}
	}
	for k, v := range raw {
		if end, ok := strings.CutPrefix(k, "id_"); ok { // as some shippers write it
			k = "id." + end
		}
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v) // a number or a bool
		}
		m[k] = s
	}
	return m, nil
}

func addZeek(rec *Recorder, m map[string]string) error {
	proto, ok := map[string]netset.Protocol{"tcp": netset.TCP, "udp": netset.UDP, "icmp": netset.ICMP, "icmp6": netset.ICMPv6}[m["proto"]]
	if !ok {
		return nil // unknown_transport
	}
	orig, err := netip.ParseAddr(m["id.orig_h"])
	if err != nil {
		return fmt.Errorf("id.orig_h %q: no IP address", m["id.orig_h"])
	}
	resp, err := netip.ParseAddr(m["id.resp_h"])
	if err != nil {
		return fmt.Errorf("id.resp_h %q: no IP address", m["id.resp_h"])
	}
	if proto == netset.ICMP && orig.Is6() {
		proto = netset.ICMPv6
	}
	s := Socket{Protocol: proto, Local: orig, Peer: resp, LocalPort: analyze.NoPort, PeerPort: analyze.NoPort, Opener: analyze.Out}
	if proto.HasPorts() {
		op, err1 := strconv.ParseUint(m["id.orig_p"], 10, 16)
		rp, err2 := strconv.ParseUint(m["id.resp_p"], 10, 16)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("id.orig_p or id.resp_p: %w", err)
		}
		s.LocalPort, s.PeerPort = int(op), int(rp)
	}
	yes := []string{"T", "true"}
	if slices.Contains(yes, m["local_resp"]) && !slices.Contains(yes, m["local_orig"]) {
		s.Local, s.LocalPort, s.Peer, s.PeerPort, s.Opener = s.Peer, s.PeerPort, s.Local, s.LocalPort, analyze.In
	}
	if typ, err := strconv.ParseUint(m["id.orig_p"], 10, 8); err == nil && proto.HasTypes() {
		if _, answers, _ := asks(proto, byte(typ)); answers { // the request was before the log
			s.Opener = map[analyze.Side]analyze.Side{analyze.In: analyze.Out, analyze.Out: analyze.In}[s.Opener]
		}
	}
	if unsure(proto, m) {
		s.Opener = analyze.Unsettled
	}
	at, err := zeekTime(m["ts"])
	if err != nil {
		return err
	}
	if d, err := strconv.ParseFloat(m["duration"], 64); err == nil && d >= 0 && d < 1<<32 && !at.IsZero() {
		s.Until = at.Add(time.Duration(d*1e6) * time.Microsecond)
	}
	s.Packets = zeekCount(m, "orig_pkts") + zeekCount(m, "resp_pkts")
	s.Bytes = zeekCount(m, "orig_ip_bytes") + zeekCount(m, "resp_ip_bytes")
	rec.Add(at, []Socket{s})
	return nil
}

// unsure says whether Zeek itself only guesses the originator: of a TCP
// connection in state OTH it met no handshake (no S or H in the history), and
// takes the sender of the first packet.
func unsure(proto netset.Protocol, m map[string]string) bool {
	return proto == netset.TCP && m["conn_state"] == "OTH" && !strings.ContainsAny(m["history"], "SsHh")
}

// zeekCount reads a number that may be missing.
func zeekCount(m map[string]string, field string) int64 {
	n, err := strconv.ParseInt(m[field], 10, 64)
	if err != nil || n < 0 || n > 1<<60 {
		return 0
	}
	return n
}

// zeekTime reads seconds with a fraction, or ISO 8601.
func zeekTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1<<40 {
		return time.Time{}, fmt.Errorf("ts %q: want seconds since 1970 or ISO 8601", s)
	}
	sec, frac := math.Modf(f)
	return time.Unix(int64(sec), int64(frac*1e6)*1000).UTC(), nil
}
