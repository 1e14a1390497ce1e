package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/review"
)

// readSnapshot reads a snapshot file.
func readSnapshot(file string) (*topology.Document, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--snapshot: %w; make one with: flowcover snapshot", err)
	}
	defer func() { _ = f.Close() }()
	doc, err := topology.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return doc, nil
}

// readChangeset gives a changeset with the bytes that its digest is of.
func readChangeset(file string) (*changeset.Changeset, []byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read changeset: %w", err)
	}
	cs, err := changeset.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return cs, data, nil
}

// readReviews reads the named review files, or all that lie beside the changeset.
func readReviews(changesetFile string, named []string) ([]review.File, error) {
	if len(named) == 0 {
		found, err := filepath.Glob(review.Pattern(changesetFile))
		if err != nil {
			return nil, fmt.Errorf("look for reviews of %s: %w", changesetFile, err)
		}
		named = found
		sort.Strings(named)
	}
	var out []review.File
	for _, name := range named {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read review: %w", err)
		}
		sig, err := os.ReadFile(review.SignatureName(name))
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("read signature: %w", err)
		}
		out = append(out, review.File{Name: name, Data: data, Signature: sig})
	}
	return out, nil
}

// writeJSON writes one indented JSON document. Text stays readable: no escapes
// for < and >, none for Korean.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// list takes apart what people separate by commas and drops blanks.
func list(in []string) []string {
	var out []string
	for _, s := range in {
		for _, part := range strings.Split(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// unique drops repeats from a list and keeps the order of first mention.
func unique(in []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
