package rollup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

const (
	observationPrefix = "observations/"
	newestKey         = observationPrefix + "newest"
	observationLimit  = 4 << 30
)

// Inputs are what observations were made from; together they name them.
type Inputs struct {
	Rollups []string
	// Snapshots, Captures and Parameters are digests or values in words, in any
	// order within each.
	Snapshots, Captures, Parameters []string
	Window                          analyze.Window
}

// Digest names observations: equal inputs, equal name.
func (e *Engine) Digest(in Inputs) string {
	h := sha256.New()
	// A hash's Write returns no error.
	_, _ = fmt.Fprintf(h, "flowcover observations %d %s\n", parquetio.FlowsVersion, e.sqlHash)
	_, _ = fmt.Fprintf(h, "window %d %d %s\n", in.Window.Since.Unix(), in.Window.Until.Unix(), location(in.Window))
	for _, list := range []struct {
		name   string
		values []string
	}{{"rollup", in.Rollups}, {"snapshot", in.Snapshots}, {"capture", in.Captures}, {"parameter", in.Parameters}} {
		values := append([]string(nil), list.values...)
		sort.Strings(values)
		for _, v := range values {
			_, _ = fmt.Fprintf(h, "%s %q\n", list.name, v)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ObservationsKey is the key of an observations file in the state.
func ObservationsKey(digest string) string { return observationPrefix + digest + ".parquet" }

// ErrNoObservations says that the state holds none (of that digest).
var ErrNoObservations = errors.New("no observations: run analyze first")

// SaveObservations writes flows as STATE/observations/DIGEST.parquet and makes
// them the newest. meta goes into the file and must not vary from run to run.
func (e *Engine) SaveObservations(ctx context.Context, in Inputs, flows []analyze.Flow, meta map[string]string) (digest string, err error) {
	digest = e.Digest(in)
	b, err := parquetio.FlowsBytes(flows, meta)
	if err != nil {
		return "", err
	}
	if err := e.opt.State.Put(ctx, ObservationsKey(digest), bytes.NewReader(b)); err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	if err := e.opt.State.Put(ctx, newestKey, strings.NewReader(digest+"\n")); err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return digest, nil
}

// NewestObservations is the digest of those that were saved last.
func NewestObservations(ctx context.Context, state source.Bucket) (string, error) {
	b, err := source.ReadAll(ctx, state, newestKey, 1024)
	if errors.Is(err, source.ErrNotFound) {
		return "", fmt.Errorf("%s: %w", state.URI(), ErrNoObservations)
	}
	if err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// LoadObservations reads the observations of a digest, the newest if it is
// empty, and returns the digest they have. It needs no engine.
func LoadObservations(ctx context.Context, state source.Bucket, digest string) (string, []analyze.Flow, map[string]string, error) {
	if digest == "" {
		var err error
		if digest, err = NewestObservations(ctx, state); err != nil {
			return "", nil, nil, err
		}
	}
	key := ObservationsKey(digest)
	b, err := source.ReadAll(ctx, state, key, observationLimit)
	if errors.Is(err, source.ErrNotFound) {
		return "", nil, nil, fmt.Errorf("%s: %w", state.Name(key), ErrNoObservations)
	}
	if err != nil {
		return "", nil, nil, fmt.Errorf("state: %w", err)
	}
	flows, meta, err := parquetio.ReadFlows(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return "", nil, nil, fmt.Errorf("%s: %w", state.Name(key), err)
	}
	return digest, flows, meta, nil
}

// LoadObservations is the function of that name on this engine's state.
func (e *Engine) LoadObservations(ctx context.Context, digest string) (string, []analyze.Flow, map[string]string, error) {
	return LoadObservations(ctx, e.opt.State, digest)
}
