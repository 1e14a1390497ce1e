package parquetio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowcover/flowcover/analyze"
)

// Version of the observations' schema. A reader reads its own version and
// those before it; a column that an older file lacks stays zero.
const (
	FlowsVersion    = 1
	flowsVersionKey = "flowcover.observations"
	metaPrefix      = "flowcover."
)

// ErrVersion says that a file was written by a newer flowcover.
var ErrVersion = errors.New("written by a newer flowcover: read it with that one")

// WriteFlows writes flows, in the order given, as one Parquet file. Equal flows
// and equal meta give equal bytes.
func WriteFlows(w io.Writer, flows []analyze.Flow, meta map[string]string) error {
	keys := [][2]string{{flowsVersionKey, strconv.Itoa(FlowsVersion)}}
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		keys = append(keys, [2]string{metaPrefix + "meta." + k, meta[k]})
	}
	return flowTable.write(w, flows, keys)
}

// flowTable is the file of observations.
var flowTable = table[flow]{name: "observations", columns: flowColumns, flat: []string{"id"}}

// ReadFlows reads what WriteFlows wrote.
func ReadFlows(r io.ReaderAt, size int64) (flows []analyze.Flow, meta map[string]string, err error) {
	footer, err := ReadFooter(ReaderRange(r), size, nil)
	if err != nil {
		return nil, nil, err
	}
	version, err := strconv.Atoi(footer.Meta[flowsVersionKey])
	if err != nil || version < 1 {
		return nil, nil, fmt.Errorf("not a file of observations: %q is %q in its metadata", flowsVersionKey, footer.Meta[flowsVersionKey])
	}
	if version > FlowsVersion {
		return nil, nil, fmt.Errorf("observations of version %d: %w", version, ErrVersion)
	}
	meta = map[string]string{}
	for k, v := range footer.Meta {
		key, ok := strings.CutPrefix(k, metaPrefix+"meta.")
		if !ok || key == "" {
			continue
		}
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, nil, fmt.Errorf("a damaged file of observations: %q is %q in its metadata, which is no UTF-8", k, v)
		}
		meta[key] = v
	}
	if flows, err = flowTable.read(r, footer); err != nil {
		return nil, nil, err
	}
	return flows, meta, nil
}

// FlowsBytes is WriteFlows into memory.
func FlowsBytes(flows []analyze.Flow, meta map[string]string) ([]byte, error) {
	var b bytes.Buffer
	if err := WriteFlows(&b, flows, meta); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
