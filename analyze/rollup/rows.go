package rollup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/topology/netset"
)

// windowArgs are the parameters of the window's queries.
type windowArgs struct {
	since, until int64
	dayFrom      int32 // the window's own first day, for records without a time
	dayTo        int32 // the day after its last
	bitFrom      int32 // the UTC days it touches
	bitTo        int32
}

func argsOf(w analyze.Window) windowArgs {
	date := func(t time.Time) int32 {
		y, m, d := t.In(location(w)).Date()
		return floorDay(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix())
	}
	a := windowArgs{
		since: w.Since.Unix(), until: w.Until.Unix(),
		dayFrom: date(w.Since), dayTo: date(w.Until.Add(-time.Second)) + 1,
	}
	a.bitFrom = min(floorDay(a.since), a.dayFrom)
	a.bitTo = max(floorDay(a.until-1), a.dayTo)
	return a
}

// open fetches rollups and binds the paths of one of their tables. It is false
// if none of them has that table.
func (e *Engine) open(ctx context.Context, names []string, table string, w analyze.Window) (bool, error) {
	var paths []string
	for _, name := range names {
		st, err := e.fetch(ctx, name)
		if errors.Is(err, source.ErrNotFound) {
			return false, fmt.Errorf("rollup %s is not in the state %s: run analyze again: %w", name, e.opt.State.URI(), err)
		}
		if err != nil {
			return false, fmt.Errorf("rollup %s: %w", name, err)
		}
		if err := fits(&st.sidecar, w); err != nil {
			return false, err
		}
		if path, ok := st.paths[table]; ok {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return false, nil
	}
	return true, e.setFiles(ctx, table, paths)
}

// fits says whether a rollup keeps apart what the window's ends part.
func fits(s *Sidecar, w analyze.Window) error {
	day := source.Undated
	if t, err := time.Parse(time.DateOnly, s.Day); err == nil {
		day = floorDay(t.Unix())
	}
	for _, c := range cutsOf(day, w) {
		end := c == w.Since.Unix() || c == w.Until.Unix()
		if end && !slices.Contains(s.Cuts, c) {
			return fmt.Errorf("rollup %s is not cut at %s: it was made for another window or time zone, run analyze again",
				s.Name, time.Unix(c, 0).UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// Span is where the records of the rollups lie, of whatever window: the first
// second and the last. It is false if none of them has a time.
func (e *Engine) Span(ctx context.Context, rollups []string, w analyze.Window) (first, last time.Time, ok bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	some, err := e.open(ctx, rollups, "flows", w)
	if err != nil || !some {
		return first, last, false, err
	}
	var from, to sql.NullInt64
	if err := e.conn.QueryRowContext(ctx, spanSQL).Scan(&from, &to); err != nil {
		return first, last, false, fmt.Errorf("span.sql: %w", cause(ctx, err))
	}
	return time.Unix(from.Int64, 0), time.Unix(to.Int64, 0), from.Valid && to.Valid, nil
}

// Rows sums the rollups over the window, in the order of their keys.
func (e *Engine) Rows(ctx context.Context, rollups []string, w analyze.Window) ([]analyze.Row, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	some, err := e.open(ctx, rollups, "flows", w)
	if err != nil || !some {
		return nil, err
	}
	a := argsOf(w)
	if err := e.setZone(ctx, w); err != nil {
		return nil, err
	}
	rows, err := e.conn.QueryContext(ctx, query("50_rows"), a.since, a.until, a.bitFrom, a.bitTo, a.dayFrom, a.dayTo)
	if err != nil {
		return nil, fmt.Errorf("50_rows.sql: %w", cause(ctx, err))
	}
	defer func() { _ = rows.Close() }()
	sc := newRowScanner(a.bitFrom)
	var out []analyze.Row
	for rows.Next() {
		r, err := sc.scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("50_rows.sql: %w", cause(ctx, err))
	}
	return out, nil
}

// setZone binds the offsets from UTC that the window's zone has within it.
func (e *Engine) setZone(ctx context.Context, w analyze.Window) error {
	var from, offset []int64
	for t := w.Since.In(location(w)); ; {
		_, seconds := t.Zone()
		from, offset = append(from, t.Unix()), append(offset, int64(seconds))
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.Before(w.Until) {
			break
		}
		t = end
	}
	if err := e.exec(ctx, "SET VARIABLE zone_from = ?", from); err != nil {
		return err
	}
	return e.exec(ctx, "SET VARIABLE zone_offset = ?", offset)
}

// rowScanner turns result lines into rows. Equal words and addresses of many
// lines share their memory.
type rowScanner struct {
	bitFrom int32
	words   map[string]string
	addrs   map[string]netip.Addr
	days    map[string][]int32
}

func newRowScanner(bitFrom int32) *rowScanner {
	return &rowScanner{bitFrom: bitFrom, words: map[string]string{}, addrs: map[string]netip.Addr{}, days: map[string][]int32{}}
}

func (s *rowScanner) word(b sql.NullString) string {
	if w, ok := s.words[b.String]; ok {
		return w
	}
	s.words[b.String] = b.String
	return b.String
}

func (s *rowScanner) addr(b sql.NullString) (netip.Addr, error) {
	if !b.Valid || b.String == "" {
		return netip.Addr{}, nil
	}
	if a, ok := s.addrs[b.String]; ok {
		return a, nil
	}
	a, err := netip.ParseAddr(b.String)
	if err != nil {
		return a, fmt.Errorf("a record's address: %w", err)
	}
	a = a.Unmap()
	s.addrs[b.String] = a
	return a, nil
}

// dayList reads a bitmap of days from the window's first on.
func (s *rowScanner) dayList(b sql.NullString) []int32 {
	if d, ok := s.days[b.String]; ok {
		return d
	}
	var days []int32
	for i, c := range b.String {
		if c == '1' {
			days = append(days, s.bitFrom+int32(i))
		}
	}
	s.days[b.String] = days
	return days
}

func (s *rowScanner) scan(rows *sql.Rows) (analyze.Row, error) {
	var (
		account, region, eni, typ, side, action, method sql.NullString
		local, peer, hopLocal, hopPeer, days            sql.NullString
		proto, localPort, peerPort, low, high           sql.NullInt64
		first, last                                     sql.NullInt64
		r                                               analyze.Row
	)
	err := rows.Scan(&account, &region, &eni, &typ, &side, &proto, &local, &peer, &hopLocal, &hopPeer,
		&localPort, &peerPort, &action, &low, &high,
		&r.Records, &r.Packets, &r.Bytes, &r.PacketsIn, &r.PacketsOut, &r.BytesIn, &r.BytesOut,
		&first, &last, &r.Hours, &days, &r.SynAck, &r.HasFlags, &method)
	if err != nil {
		return r, fmt.Errorf("50_rows.sql: %w", err)
	}
	r.Account, r.Region, r.ENI, r.InterfaceType = s.word(account), s.word(region), s.word(eni), s.word(typ)
	r.Side, r.Action, r.Method = analyze.Side(s.word(side)), analyze.Action(s.word(action)), analyze.Method(s.word(method))
	r.Protocol = analyze.UnknownProtocol
	if proto.Valid {
		r.Protocol = netset.Protocol(proto.Int64)
	}
	r.LocalPort, r.PeerPort = port(localPort), port(peerPort)
	r.OpenerPortLow, r.OpenerPortHigh = port(low), port(high)
	r.First, r.Last = instant(first), instant(last)
	r.Days = s.dayList(days)
	for _, a := range []struct {
		from sql.NullString
		to   *netip.Addr
	}{{local, &r.Local}, {peer, &r.Peer}, {hopLocal, &r.HopLocal}, {hopPeer, &r.HopPeer}} {
		if *a.to, err = s.addr(a.from); err != nil {
			return r, err
		}
	}
	return r, nil
}

func port(n sql.NullInt64) int {
	if !n.Valid {
		return analyze.NoPort
	}
	return int(n.Int64)
}

func instant(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.Unix(n.Int64, 0).UTC()
}

// ENIHours are the hours in which each interface was heard of, a line for each
// UTC day of the window.
func (e *Engine) ENIHours(ctx context.Context, rollups []string, w analyze.Window) ([]analyze.ENIHours, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	some, err := e.open(ctx, rollups, "enis", w)
	if err != nil || !some {
		return nil, err
	}
	a := argsOf(w)
	rows, err := e.conn.QueryContext(ctx, query("51_enis"), a.since, a.until, a.dayFrom, a.dayTo)
	if err != nil {
		return nil, fmt.Errorf("51_enis.sql: %w", cause(ctx, err))
	}
	defer func() { _ = rows.Close() }()
	sc := newRowScanner(0)
	var out []analyze.ENIHours
	for rows.Next() {
		var h analyze.ENIHours
		var account, region, eni, vpc, subnet, instance, typ, service sql.NullString
		if err := rows.Scan(&account, &region, &eni, &h.Day, &h.OK, &h.NoData, &h.SkipData, &vpc, &subnet, &instance, &typ, &service); err != nil {
			return nil, fmt.Errorf("51_enis.sql: %w", err)
		}
		h.Account, h.Region, h.ENI, h.VPC, h.Subnet = sc.word(account), sc.word(region), sc.word(eni), sc.word(vpc), sc.word(subnet)
		h.Instance, h.InterfaceType, h.ECSService = sc.word(instance), sc.word(typ), sc.word(service)
		out = append(out, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("51_enis.sql: %w", cause(ctx, err))
	}
	return out, nil
}

// Transit sums what transit gateway logs say over the window.
func (e *Engine) Transit(ctx context.Context, rollups []string, w analyze.Window) ([]analyze.Transit, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	some, err := e.open(ctx, rollups, "transit", w)
	if err != nil || !some {
		return nil, err
	}
	a := argsOf(w)
	rows, err := e.conn.QueryContext(ctx, query("52_transit"), a.since, a.until, a.dayFrom, a.dayTo)
	if err != nil {
		return nil, fmt.Errorf("52_transit.sql: %w", cause(ctx, err))
	}
	defer func() { _ = rows.Close() }()
	sc := newRowScanner(0)
	var out []analyze.Transit
	for rows.Next() {
		var t analyze.Transit
		var account, region, src, dst sql.NullString
		var first, last sql.NullInt64
		err := rows.Scan(&account, &region, &t.Gateway, &t.Attachment, &t.PairAttachment, &t.Direction, &src, &dst,
			&t.Records, &t.Packets, &t.Bytes, &first, &last, &t.LostNoRoute, &t.LostBlackhole, &t.LostMTU, &t.LostTTL)
		if err != nil {
			return nil, fmt.Errorf("52_transit.sql: %w", err)
		}
		t.Account, t.Region, t.First, t.Last = sc.word(account), sc.word(region), instant(first), instant(last)
		if t.Source, err = sc.addr(src); err != nil {
			return nil, err
		}
		if t.Dest, err = sc.addr(dst); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("52_transit.sql: %w", cause(ctx, err))
	}
	return out, nil
}
