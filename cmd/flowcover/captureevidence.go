package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
)

// captureSource is a folder of captures, or one file of a folder.
type captureSource struct {
	arg   string
	dir   string
	file  string // empty: all of dir
	names hostcap.Names
}

// readCaptures reads folders of captures and single files. FILE=ID ties a capture
// that names no host to an interface, an instance or an address.
func readCaptures(args []string) (captures, error) {
	var out captures
	sources, err := captureSources(args)
	if err != nil {
		return out, err
	}
	folders := 0
	for _, src := range sources {
		if src.file == "" {
			folders++
		}
	}
	unused := map[string]int{}
	for _, src := range sources {
		fsys := os.DirFS(src.dir)
		if src.file != "" {
			fsys = oneFile{fsys, src.file}
		}
		got, found, err := hostcap.Read(fsys, src.names)
		if err != nil {
			return out, fmt.Errorf("--captures %s: %w", src.arg, err)
		}
		out.captures = append(out.captures, got...)
		for _, f := range found {
			if f.Kind == "capture-name-unused" { // another folder may have it
				if unused[f.Resource]++; unused[f.Resource] < folders {
					continue
				}
			}
			out.findings = append(out.findings, f)
		}
		sums, err := digestFiles(fsys)
		if err != nil {
			return out, fmt.Errorf("--captures %s: %w", src.arg, err)
		}
		out.digests = append(out.digests, sums...)
	}
	slices.Sort(out.digests)
	return out, nil
}

// captureSources sorts the arguments out: folders first, which the names of files
// in them are for, then the files that lie elsewhere.
func captureSources(args []string) ([]captureSource, error) {
	names := hostcap.Names{}
	var folders, files []captureSource
	for _, a := range args {
		file, id, has := strings.Cut(a, "=")
		st, err := os.Stat(a)
		if err != nil && has {
			if st, err := os.Stat(file); err == nil && !st.IsDir() {
				files = append(files, fileSource(a, file, id))
				continue
			}
			names[filepath.ToSlash(file)] = id
			continue
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("--captures: %w", err)
		case st.IsDir():
			folders = append(folders, captureSource{arg: a, dir: a, names: names})
		default:
			files = append(files, fileSource(a, a, ""))
		}
	}
	if len(names) > 0 && len(folders) == 0 {
		file := slices.Sorted(maps.Keys(names))[0]
		return nil, fmt.Errorf("--captures %s=%s: there is no file %s, and no folder of captures is given that could have it", file, names[file], file)
	}
	out := folders
	for _, f := range files {
		if in, ok := within(folders, f); ok {
			if id := f.names[f.file]; id != "" {
				names[in] = id
			}
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// fileSource is one file, named by id, else by its folder where that is a host's id.
func fileSource(arg, file, id string) captureSource {
	src := captureSource{arg: arg, dir: filepath.Dir(file), file: filepath.Base(file), names: hostcap.Names{}}
	if whole, err := filepath.Abs(src.dir); err == nil && id == "" && hostcap.Name(&analyze.Capture{}, filepath.Base(whole)) == nil {
		id = filepath.Base(whole)
	}
	if id != "" {
		src.names[src.file] = id
	}
	return src
}

// within gives the path of a file in the folder that holds it, if one does.
func within(folders []captureSource, f captureSource) (string, bool) {
	for _, dir := range folders {
		root, err := filepath.Abs(dir.dir)
		at, err2 := filepath.Abs(filepath.Join(f.dir, f.file))
		if errors.Join(err, err2) != nil {
			continue
		}
		if rel, err := filepath.Rel(root, at); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), true
		}
	}
	return "", false
}

// oneFile is a folder in which only one file is seen.
type oneFile struct {
	fs.FS
	name string
}

// ReadDir lists the one file.
func (o oneFile) ReadDir(dir string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(o.FS, dir)
	return slices.DeleteFunc(all, func(d fs.DirEntry) bool { return d.Name() != o.name }), err
}
