package demo

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/topology"
)

// Layout is one of AWS's layouts of flow log keys.
type Layout string

// The layouts, as the options hiveCompatiblePartitions and perHourPartition
// of a flow log choose them.
const (
	LayoutDefault    Layout = "default"
	LayoutHourly     Layout = "hourly"
	LayoutHive       Layout = "hive"
	LayoutHiveHourly Layout = "hive-hourly"
)

// Layouts are all of them.
var Layouts = []Layout{LayoutDefault, LayoutHourly, LayoutHive, LayoutHiveHourly}

func (l Layout) known() bool { return slices.Contains(Layouts, l) }

// Key is the key of one object, as AWS names it.
func (l Layout) Key(scope topology.Scope, flowLog string, at time.Time, hash string, text bool) string {
	at = at.UTC()
	hourly := l == LayoutHourly || l == LayoutHiveHourly
	var folder string
	if l == LayoutHive || l == LayoutHiveHourly {
		folder = fmt.Sprintf("AWSLogs/aws-account-id=%s/aws-service=vpcflowlogs/aws-region=%s/%s", scope.Account, scope.Region, at.Format("year=2006/month=01/day=02/"))
		if hourly {
			folder += at.Format("hour=15/")
		}
	} else {
		folder = fmt.Sprintf("AWSLogs/%s/vpcflowlogs/%s/%s", scope.Account, scope.Region, at.Format("2006/01/02/"))
		if hourly {
			folder += at.Format("15/")
		}
	}
	end := ".log.parquet"
	if text {
		end = ".log.gz"
	}
	return folder + fmt.Sprintf("%s_vpcflowlogs_%s_%s_%s_%s", scope.Account, scope.Region, flowLog, at.Format("20060102T1504Z"), hash) + end
}

// objectWriter writes one hour's records as objects, a worker's own.
type objectWriter struct {
	g       *generator
	view    *logView
	fields  []logField
	columns []parquetio.FlowLogColumn
	byVPC   map[string][]uint64 // a record's end and its place, so that plain order is the order of writing
}

func (g *generator) newWriter() *objectWriter {
	return &objectWriter{g: g, view: g.newView(), fields: fieldsOf(g.opt.Version), byVPC: map[string][]uint64{}}
}

// hour writes the records, which all end within the hour, one flow log a VPC.
func (w *objectWriter) hour(hour int64, records []record) (Progress, error) {
	for vpc := range w.byVPC {
		w.byVPC[vpc] = w.byVPC[vpc][:0]
	}
	w.view.records = records
	for i := range records {
		vpc := w.view.enis[records[i].eni].VPC
		w.byVPC[vpc] = append(w.byVPC[vpc], uint64(records[i].end-hour*3600)<<40|uint64(i))
	}
	var done Progress
	step := int64(3600 / w.g.opt.ObjectsPerHour)
	for _, v := range w.g.people.net.res.VPCs {
		list := w.byVPC[v.ID]
		slices.Sort(list)
		for at, from := 0, int64(0); from < 3600; from += step {
			next := at
			for next < len(list) && int64(list[next]>>40) < from+step {
				next++
			}
			if next > at {
				size, err := w.object(&v, hour*3600+from, list[at:next])
				if err != nil {
					return done, err
				}
				done.Objects++
				done.Bytes += size
				done.Records += int64(next - at)
			}
			at = next
		}
	}
	return done, nil
}

// object writes one object and gives its size.
func (w *objectWriter) object(v *topology.VPC, from int64, places []uint64) (int64, error) {
	flowLog := w.g.flowLogs[v.ID]
	hash := digest(w.g.seed, flowLog, fmt.Sprint(from))[:8]
	key := w.g.opt.Layout.Key(v.Scope, flowLog, time.Unix(from, 0), hash, w.g.opt.Text)
	path := filepath.Join(w.g.report.Logs, filepath.FromSlash(key))
	err := writeFile(path, func(out io.Writer) error {
		if w.g.opt.Text {
			return w.text(out, places)
		}
		w.columns = w.view.table(w.fields, places, w.columns)
		return parquetio.WriteFlowLog(out, w.columns, parquetio.FlowLogOptions{})
	})
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("flow log object: %w", err)
	}
	return info.Size(), nil
}

// text writes lines with a header line, gzipped without a time.
func (w *objectWriter) text(out io.Writer, places []uint64) error {
	zip := gzip.NewWriter(out)
	names := make([]string, len(w.fields))
	for i, f := range w.fields {
		names[i] = strings.ReplaceAll(f.name, "_", "-")
	}
	line := append([]byte(strings.Join(names, " ")), '\n')
	for _, place := range places {
		if _, err := zip.Write(line); err != nil {
			return fmt.Errorf("write a flow log line: %w", err)
		}
		line = w.view.line(line[:0], w.fields, w.view.record(place))
	}
	if _, err := zip.Write(line); err != nil {
		return fmt.Errorf("write a flow log line: %w", err)
	}
	return zip.Close()
}

// writeFile writes a file whole or not at all, with the folders above it.
func writeFile(path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	part := path + ".part"
	f, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(part)))
		}
	}()
	buf := bufio.NewWriterSize(f, 1<<16)
	if err := write(buf); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := buf.Flush(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(part, path)
}
