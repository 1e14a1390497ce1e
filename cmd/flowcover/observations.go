package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/topology/changeset"
)

// observationsFormat is the format of the file beside an observations file.
const observationsFormat = "flowcover.observations/1"

// observations is STATE/observations/DIGEST.json: what the flows in
// DIGEST.parquet rest on, and what plan needs besides them.
type observations struct {
	Format     string             `json:"format"`
	Digest     string             `json:"digest"`
	Window     changeset.Window   `json:"window"`
	Snapshots  []string           `json:"snapshots"` // digests
	Captures   []string           `json:"captures"`  // SHA-256
	Rollups    []string           `json:"rollups"`
	Parameters map[string]string  `json:"parameters"`
	Objects    rollup.Objects     `json:"objects"`
	Records    int64              `json:"records"`
	Findings   []analyze.Finding  `json:"findings"`
	Coverage   []analyze.Coverage `json:"coverage"`
	Notes      []string           `json:"notes"`
	Losses     []analyze.Loss     `json:"losses"` // of transit gateways
	Samples    analyze.Samples    `json:"samples"`
	Rules      []analyze.RuleUse  `json:"rules"`
	Hours      []hoursLine        `json:"hours"`
}

// hoursLine is one ENI's day: its hours as six hex digits each.
type hoursLine struct {
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	ENI      string `json:"eni"`
	Day      int32  `json:"day"`
	OK       string `json:"ok"`
	NoData   string `json:"no_data,omitempty"`
	SkipData string `json:"skip_data,omitempty"`
	VPC      string `json:"vpc,omitempty"`
	Subnet   string `json:"subnet,omitempty"`
	Instance string `json:"instance,omitempty"`
	Type     string `json:"type,omitempty"`
	Service  string `json:"service,omitempty"`
}

func hoursLines(in []analyze.ENIHours) []hoursLine {
	out := make([]hoursLine, 0, len(in))
	mask := func(m uint32) string {
		if m == 0 {
			return ""
		}
		return fmt.Sprintf("%06x", m)
	}
	for _, h := range in {
		out = append(out, hoursLine{
			Account: h.Account, Region: h.Region, ENI: h.ENI, Day: h.Day, OK: mask(h.OK), NoData: mask(h.NoData), SkipData: mask(h.SkipData),
			VPC: h.VPC, Subnet: h.Subnet, Instance: h.Instance, Type: h.InterfaceType, Service: h.ECSService,
		})
	}
	return out
}

func (o *observations) hours() ([]analyze.ENIHours, error) {
	out := make([]analyze.ENIHours, 0, len(o.Hours))
	for _, l := range o.Hours {
		h := analyze.ENIHours{
			Account: l.Account, Region: l.Region, ENI: l.ENI, Day: l.Day,
			VPC: l.VPC, Subnet: l.Subnet, Instance: l.Instance, InterfaceType: l.Type, ECSService: l.Service,
		}
		for _, m := range []struct {
			text string
			into *uint32
		}{{l.OK, &h.OK}, {l.NoData, &h.NoData}, {l.SkipData, &h.SkipData}} {
			if m.text == "" {
				continue
			}
			if _, err := fmt.Sscanf(m.text, "%06x", m.into); err != nil {
				return nil, fmt.Errorf("hours of %s: %q: want six hex digits", l.ENI, m.text)
			}
		}
		out = append(out, h)
	}
	return out, nil
}

func sidecarKey(digest string) string {
	return strings.TrimSuffix(rollup.ObservationsKey(digest), ".parquet") + ".json"
}

// save writes the sidecar; it goes before the flows, which make both the newest.
func (o *observations) save(ctx context.Context, state source.Bucket) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(o); err != nil {
		return fmt.Errorf("encode observations: %w", err)
	}
	if err := state.Put(ctx, sidecarKey(o.Digest), bytes.NewReader(b.Bytes())); err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	return nil
}

const sidecarLimit = 1 << 30

func decodeObservations(name string, data []byte) (*observations, error) {
	var o observations
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("%s: %w; run analyze again", name, err)
	}
	if o.Format != observationsFormat {
		return nil, fmt.Errorf("%s: field format is %q, want %q; run analyze again with this flowcover", name, o.Format, observationsFormat)
	}
	return &o, nil
}

// loadObservations reads the newest observations of a state: of all, or of
// those that cover the window.
func loadObservations(ctx context.Context, state source.Bucket, w *analyze.Window) (*observations, []analyze.Flow, error) {
	digest := ""
	if w != nil {
		var err error
		if digest, err = findObservations(ctx, state, *w); err != nil {
			return nil, nil, err
		}
	}
	digest, flows, _, err := rollup.LoadObservations(ctx, state, digest)
	if errors.Is(err, rollup.ErrNoObservations) {
		return nil, nil, fmt.Errorf("--state: %w", err)
	}
	if err != nil {
		return nil, nil, err
	}
	o, err := readSidecar(ctx, state, sidecarKey(digest))
	return o, flows, err
}

func readSidecar(ctx context.Context, state source.Bucket, key string) (*observations, error) {
	data, err := source.ReadAll(ctx, state, key, sidecarLimit)
	if err != nil {
		return nil, fmt.Errorf("--state: %s: %w; run analyze again", state.Name(key), err)
	}
	return decodeObservations(state.Name(key), data)
}

// sidecars reads what stands beside all observations of a state, the newest
// first.
func sidecars(ctx context.Context, state source.Bucket) ([]*observations, error) {
	var found []source.Object
	prefix := strings.TrimSuffix(rollup.ObservationsKey(""), ".parquet")
	err := state.List(ctx, prefix, func(o source.Object) error {
		if strings.HasSuffix(o.Key, ".json") {
			found = append(found, o)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	slices.SortFunc(found, func(a, b source.Object) int {
		return cmp.Or(b.Modified.Compare(a.Modified), cmp.Compare(a.Key, b.Key))
	})
	var out []*observations
	for _, obj := range found {
		o, err := readSidecar(ctx, state, obj.Key)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// findObservations gives the digest of the newest observations of a window.
func findObservations(ctx context.Context, state source.Bucket, w analyze.Window) (string, error) {
	all, err := sidecars(ctx, state)
	if err != nil {
		return "", err
	}
	asked := windowText(w)
	var others []string
	for _, o := range all {
		if has, err := windowOf(o.Window); err == nil && has.Since.Equal(w.Since) && has.Until.Equal(w.Until) {
			return o.Digest, nil
		}
		others = append(others, o.Window.Since+" to "+o.Window.Until)
	}
	if len(others) == 0 {
		return "", fmt.Errorf("--state %s: %w", state.URI(), rollup.ErrNoObservations)
	}
	return "", fmt.Errorf("--state %s: no observations cover %s to %s; there are some of %s; run analyze for that window",
		state.URI(), asked.Since, asked.Until, strings.Join(unique(others), ", "))
}

// readObservations reads an observations file and the .json beside it.
func readObservations(file string) (*observations, []analyze.Flow, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, fmt.Errorf("--observations: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("--observations: %w", err)
	}
	flows, _, err := parquetio.ReadFlows(f, st.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("--observations %s: %w", file, err)
	}
	o, err := readBeside(file)
	return o, flows, err
}

// readBeside reads the .json beside an observations file.
func readBeside(file string) (*observations, error) {
	beside := strings.TrimSuffix(file, filepath.Ext(file)) + ".json"
	data, err := os.ReadFile(beside)
	if err != nil {
		return nil, fmt.Errorf("--observations: the file beside it is missing: %w", err)
	}
	return decodeObservations(beside, data)
}
