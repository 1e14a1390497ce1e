package hostcap

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
)

// Names ties capture files to hosts: a file's path, or its base name, to an
// eni- or i- id or an IP address.
type Names map[string]string

// Read reads every capture in a tree, in the order of the paths. A file that
// cannot be read is a finding and not an error; an error is a tree that cannot
// be listed. A form that names no host takes it from names, else from a folder,
// or the file, that is called eni-..., i-... or by an IP address.
func Read(fsys fs.FS, names Names) ([]analyze.Capture, []analyze.Finding, error) {
	var out []analyze.Capture
	var found []analyze.Finding
	used := map[string]bool{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		c, err := readFile(fsys, p)
		if err != nil {
			found = append(found, analyze.Finding{Kind: "unreadable-capture", Severity: "medium", Resource: p, Message: err.Error()})
			return nil
		}
		c.Source = p
		for _, k := range []string{p, path.Base(p)} {
			if id, ok := names[k]; ok {
				used[k] = true
				if err := Name(c, id); err != nil {
					return fmt.Errorf("capture %s: %w", p, err)
				}
			}
		}
		nameByPath(c, p)
		if !named(c) {
			found = append(found, analyze.Finding{Kind: "capture-without-host", Severity: "medium", Resource: p, Message: fmt.Sprintf(
				"its form names no host: name it with --captures %s=eni-...|i-...|IP, or put it into a folder of that name", p)})
		}
		if c.Incomplete != "" {
			found = append(found, analyze.Finding{Kind: "capture-incomplete", Severity: "medium", Resource: p, Message: c.Incomplete})
		}
		out = append(out, *c)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read captures: %w", err)
	}
	for k := range names {
		if !used[k] {
			found = append(found, analyze.Finding{Kind: "capture-name-unused", Severity: "medium", Resource: k,
				Message: "no capture file has this name"})
		}
	}
	slices.SortFunc(found, func(a, b analyze.Finding) int {
		return strings.Compare(a.Resource+" "+a.Kind, b.Resource+" "+b.Kind)
	})
	return out, found, nil
}

func readFile(fsys fs.FS, p string) (c *analyze.Capture, err error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return Decode(f)
}

// Decode reads one capture in any form, gzipped or not.
func Decode(r io.Reader) (*analyze.Capture, error) {
	b := bufio.NewReaderSize(r, sniffed)
	head, err := b.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	if len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReaderSize(z, sniffed)
		if head, err = b.Peek(sniffed); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	read := sniff(head)
	if read == nil {
		return nil, errors.New("no known form of capture: want flowcapture's Parquet or JSON lines, ss -tunap, netstat -an, " +
			"conntrack -L or -E, /proc/net/tcp, Zeek's conn.log, pcap, pcapng, or CSV (Timestamp, Destination IP, Port)")
	}
	return read(b)
}

// sniffed is how much of a file tells its form.
const sniffed = 64 << 10

// sniff tells the form by the first lines.
func sniff(head []byte) func(io.Reader) (*analyze.Capture, error) {
	if len(head) >= 4 {
		switch string(head[:4]) {
		case "\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1", "\x0a\x0d\x0d\x0a":
			return ReadPCAP
		case "PAR1":
			return ReadParquet
		}
	}
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
		if len(line) == 0 {
			continue
		}
		if read := sniffLine(string(line)); read != nil {
			return read
		}
	}
	return nil
}

func sniffLine(line string) func(io.Reader) (*analyze.Capture, error) {
	w := strings.Fields(line)
	first := strings.ToLower(w[0])
	switch {
	case strings.HasPrefix(line, "{") && isZeekJSON(line), strings.HasPrefix(line, "#separator"), strings.HasPrefix(line, "#fields\t"):
		return ReadZeek
	case strings.HasPrefix(line, "{") && strings.Contains(line, `"format"`):
		return ReadJSONL
	case strings.Contains(line, "src=") && strings.Contains(line, "dst="):
		return ReadConntrack
	case first == "sl" && strings.Contains(line, "local_address"):
		return ReadProcNet
	case strings.HasPrefix(strings.ReplaceAll(first, `"`, ""), "timestamp,"), isRecipeRow(line):
		return ReadRecipeCSV
	case first == "netid", first == "state" && len(w) > 1 && w[1] == "Recv-Q":
		return ReadSS
	case first == "active", first == "proto":
		return ReadNetstat
	case isSSRow(w):
		return ReadSS
	case isNetstatRow(w):
		return ReadNetstat
	}
	return nil
}

// isZeekJSON: with a connection's ends, in the ways in which they are written, or
// with the name of its log.
func isZeekJSON(line string) bool {
	for _, key := range []string{`"id.orig_h"`, `"id_orig_h"`, `"orig_h"`, `"_path"`} {
		if strings.Contains(line, key) {
			return true
		}
	}
	return false
}

func isRecipeRow(line string) bool {
	w := strings.Split(line, ",")
	if len(w) != 3 {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(w[1], ` "`))
	return err == nil
}

func isSSRow(w []string) bool {
	isState := func(s string) bool { _, ok := ssStates[s]; return ok }
	return isState(w[0]) || (len(w) > 1 && isState(w[1]) && w[1] == strings.ToUpper(w[1]) && !isNumber(w[1]))
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

func isNetstatRow(w []string) bool {
	s, err := netstatLine(strings.Join(w, " "))
	return err == nil && s != nil
}

// Name ties a capture to a host by an eni- or i- id or an IP address.
func Name(c *analyze.Capture, id string) error {
	a, err := netip.ParseAddr(id)
	switch {
	case err == nil:
		c.Addresses = append(c.Addresses, plain(a))
	case strings.HasPrefix(id, "eni-"):
		c.ENIs = append(c.ENIs, id)
	case strings.HasPrefix(id, "i-"):
		c.Instance = id
	default:
		return fmt.Errorf("host %q: want eni-..., i-... or an IP address", id)
	}
	sortCapture(c)
	slices.Sort(c.ENIs)
	c.ENIs = slices.Compact(c.ENIs)
	return nil
}

// named says whether the capture can be placed: by a name, or by the local
// addresses of its connections.
func named(c *analyze.Capture) bool {
	return c.Instance != "" || len(c.ENIs) > 0 || len(c.Addresses) > 0 ||
		!slices.ContainsFunc(c.Connections, func(n analyze.Connection) bool { return !n.Local.IsValid() })
}

// nameByPath takes the host from the path, where its folders or its file name
// (without extensions) say so.
func nameByPath(c *analyze.Capture, p string) {
	for part := range strings.SplitSeq(p, "/") {
		id := part
		if _, err := netip.ParseAddr(id); err != nil {
			id, _, _ = strings.Cut(part, ".")
			if a := strings.TrimSuffix(part, path.Ext(part)); strings.Count(a, ".") == 3 {
				id = a
			}
		}
		_ = Name(c, id) // any other name says nothing
	}
}
