package inventory

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

// FromDir reads a folder of answers. See awscollect.FromDir.
func FromDir(ctx context.Context, dir string) (topology.Resources, Report, error) {
	d := &dirReader{dir: dir, inv: New()}
	st, err := os.Stat(dir)
	if err != nil {
		return topology.Resources{}, Report{}, fmt.Errorf("reading the exported account: %w", err)
	}
	if !st.IsDir() {
		return topology.Resources{}, Report{}, fmt.Errorf("reading the exported account: %s is a file: name the folder that holds the AWS CLI's JSON", dir)
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return d.visit(name, e)
	})
	if err != nil {
		return topology.Resources{}, d.report, fmt.Errorf("reading the exported account: %w", err)
	}
	r, err := d.finish()
	if err != nil {
		return topology.Resources{}, d.report, fmt.Errorf("reading the exported account: %w", err)
	}
	return r, d.report, nil
}

func (d *dirReader) finish() (topology.Resources, error) {
	if err := d.inv.RefusedCore(); err != nil {
		return topology.Resources{}, err
	}
	if len(d.inv.answered[CallVPCs]) == 0 {
		return topology.Resources{}, fmt.Errorf("%s holds no answer of describe-vpcs (a JSON file with the key Vpcs): "+
			"scripts/export-account writes such a folder", d.dir)
	}
	r, err := d.inv.Resolve()
	if err != nil {
		return topology.Resources{}, err
	}
	seen := map[topology.Scope]bool{}
	for _, v := range r.VPCs {
		if !seen[v.Scope] {
			seen[v.Scope] = true
			d.report.Sources = append(d.report.Sources, Source{v.Scope, d.dir})
		}
	}
	slices.SortFunc(d.report.Sources, func(a, b Source) int { return compareScope(a.Scope, b.Scope) })
	return r, nil
}

// dirReader reads the files of a folder into an inventory.
type dirReader struct {
	dir    string
	inv    *Inventory
	report Report
}

func (d *dirReader) ignore(file, key, reason string) {
	d.report.Ignored = append(d.report.Ignored, Ignored{file, key, reason})
}

func (d *dirReader) visit(name string, e fs.DirEntry) error {
	full := filepath.Join(d.dir, filepath.FromSlash(name))
	hidden := name != "." && strings.HasPrefix(e.Name(), ".")
	switch {
	case e.IsDir() && hidden:
		d.ignore(full, "", "hidden folder")
		return fs.SkipDir
	case e.IsDir():
		return nil
	case hidden:
		d.ignore(full, "", "hidden file")
		return nil
	}
	st, err := os.Stat(full) // a link counts as what it points to
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		d.ignore(full, "", "not a regular file")
		return nil
	}
	data, err := os.ReadFile(full)
	if err != nil {
		return err
	}
	data = toUTF8(data)
	if !strings.EqualFold(path.Ext(name), ".json") && !looksLikeJSON(data) {
		d.ignore(full, "", "neither named .json nor JSON inside")
		return nil
	}
	return d.file(name, full, data)
}

func looksLikeJSON(data []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(string(data[:min(len(data), 64)]), " \t\r\n"), "{")
}

// file reads one file's answers.
func (d *dirReader) file(name, full string, data []byte) error {
	ms, err := members(full, data)
	if err != nil {
		return err
	}
	d.report.Files++
	f := &exportFile{
		reader: d, path: full, members: ms,
		from: &Origin{Source: full, Folder: path.Dir(name), Hint: hintOf(full)},
		name: name,
	}
	for _, m := range ms {
		read, known := keys[m.key]
		switch {
		case known:
			if err := read(f, m); err != nil {
				return err
			}
		case companions[m.key]:
		case unneeded[m.key] != "":
			d.ignore(full, m.key, unneeded[m.key])
		default:
			d.ignore(full, m.key, "unknown key")
		}
	}
	return nil
}

var accountName = regexp.MustCompile(`^[0-9]{12}$`)

// hintOf gives the account and Region that a path's folders are named after,
// those nearest to the file.
func hintOf(full string) topology.Scope {
	var s topology.Scope
	for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(full)), "/") {
		if accountName.MatchString(part) {
			s.Account = part
		} else if r := awsmodel.RegionOf(part); r != "" && r == part {
			s.Region = r
		}
	}
	return s
}
