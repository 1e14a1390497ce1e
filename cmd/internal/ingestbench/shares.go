package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

// share is what one column takes of the objects.
type share struct {
	column string
	bytes  int64
	of     int64 // bytes of all columns
}

// columnShares adds up the column chunks of the objects under a folder, the
// largest first.
func columnShares(dir string) ([]share, error) {
	sums := map[string]int64{}
	total := int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return errors.Join(err, f.Close())
		}
		footer, err := parquetio.ReadFooter(parquetio.ReaderRange(f), info.Size(), nil)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		for _, g := range footer.RowGroups {
			for i, c := range g.Chunks {
				sums[footer.Columns[i].Name] += c.Length
				total += c.Length
			}
		}
		return f.Close()
	})
	out := make([]share, 0, len(sums))
	for name, n := range sums {
		out = append(out, share{name, n, total})
	}
	slices.SortFunc(out, func(a, b share) int {
		if c := cmp.Compare(b.bytes, a.bytes); c != 0 {
			return c
		}
		return cmp.Compare(a.column, b.column)
	})
	return out, err
}
