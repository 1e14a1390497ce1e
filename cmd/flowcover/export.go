package main

import (
	"context"
	"fmt"
	"io"

	"github.com/flowcover/flowcover/analyze/rollup/ask"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
)

// rankedTable is what analyze exports: query's table flows, by rank.
const rankedTable = "SELECT * FROM flows ORDER BY rank"

// export writes the ranked table as CSV and Parquet, where asked to.
func (a *analyzeRun) export(ctx context.Context, res *analysis) (err error) {
	if a.csv == "" && a.parquet == "" {
		return nil
	}
	a.env.Progress.Show("export", 0, 0, "")
	state, err := source.Open(ctx, a.state, source.Options{EndpointURL: a.endpoint, Region: firstOf(a.regions)})
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	path, clean, err := fetchObservations(ctx, state, res.digest, a.engine.scratch)
	if err != nil {
		return err
	}
	defer clean()
	lib, err := ask.Open(ctx, ask.Input{Flows: path, Beside: ask.Beside{Digest: res.digest, Window: a.window}}, a.engine.sealed())
	if err != nil {
		return err
	}
	defer func() { _ = lib.Close() }()
	for _, f := range []struct {
		flag, file string
		write      func(io.Writer) error
	}{
		{"--csv", a.csv, func(w io.Writer) error { return askCSV(ctx, lib, rankedTable, w) }},
		{"--parquet", a.parquet, func(w io.Writer) error { return lib.Save(ctx, rankedTable, w) }},
	} {
		if f.file == "" {
			continue
		}
		if err := atomicfile.Write(f.file, 0o644, f.write); err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}

// askCSV writes an answer as CSV.
func askCSV(ctx context.Context, lib *ask.Library, sql string, w io.Writer) error {
	a, err := lib.Ask(ctx, sql)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	return writeCSV(w, a)
}
