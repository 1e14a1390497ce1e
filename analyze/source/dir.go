package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

type dirBucket struct {
	counters
	uri  string
	root string // absolute
	only string // a single file of root, when the URI names a file
}

func openDir(uri string, opts Options) (Bucket, error) {
	if uri == "" {
		return nil, errors.New("an empty place: give a directory or s3://BUCKET/PREFIX")
	}
	root, err := filepath.Abs(uri)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	if opts.Writable {
		if err := tryWriting(root); err != nil {
			return nil, fmt.Errorf("%s: cannot be written to: %w", uri, err)
		}
	}
	info, err := os.Stat(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such directory", uri)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	if info.IsDir() {
		return &dirBucket{uri: uri, root: root}, nil
	}
	if opts.Writable || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a directory", uri)
	}
	return &dirBucket{uri: uri, root: filepath.Dir(root), only: filepath.Base(root)}, nil
}

func tryWriting(root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(root, ".try-*")
	if err != nil {
		return err
	}
	err = f.Close()
	return errors.Join(err, os.Remove(f.Name()))
}

func (d *dirBucket) URI() string { return d.uri }

func (d *dirBucket) Name(key string) string {
	if d.only != "" {
		return d.uri
	}
	return filepath.Join(d.uri, filepath.FromSlash(key))
}

func (d *dirBucket) Root(key string) string { return d.path(key) }

func (d *dirBucket) path(key string) string {
	return filepath.Join(d.root, filepath.FromSlash(key))
}

func (d *dirBucket) Local(key string) (string, bool) { return d.path(key), true }

const maxDepth = 64

// List walks one directory at a time, so that a tree of any size needs the
// memory of its largest folder. Symbolic links are followed.
func (d *dirBucket) List(ctx context.Context, prefix string, each func(Object) error) error {
	if d.only != "" {
		o, err := d.Stat(ctx, d.only)
		if err != nil || !strings.HasPrefix(d.only, prefix) {
			return err
		}
		return each(o)
	}
	return d.walk(ctx, "", prefix, each)
}

func (d *dirBucket) walk(ctx context.Context, dir, prefix string, each func(Object) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if strings.Count(dir, "/") > maxDepth {
		return fmt.Errorf("list %s: more than %d folders deep; is there a symbolic link to a folder above it?", d.Name(dir), maxDepth)
	}
	entries, err := os.ReadDir(d.path(dir))
	if err != nil {
		if dir != "" && errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		return fmt.Errorf("list %s: %w", d.Name(dir), err)
	}
	type entry struct {
		key   string
		isDir bool
	}
	es := make([]entry, 0, len(entries))
	for _, e := range entries {
		key := e.Name()
		if dir != "" {
			key = dir + "/" + key
		}
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(d.path(key))
			isDir = err == nil && info.IsDir()
		}
		if isDir {
			key += "/"
		}
		es = append(es, entry{key, isDir})
	}
	// As S3 orders keys: a folder counts with its slash.
	sort.Slice(es, func(i, j int) bool { return es[i].key < es[j].key })
	for _, e := range es {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.isDir {
			if strings.HasPrefix(e.key, prefix) || strings.HasPrefix(prefix, e.key) {
				if err := d.walk(ctx, strings.TrimSuffix(e.key, "/"), prefix, each); err != nil {
					return err
				}
			}
			continue
		}
		if !strings.HasPrefix(e.key, prefix) {
			continue
		}
		o, err := d.Stat(ctx, e.key)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

func (d *dirBucket) Stat(_ context.Context, key string) (Object, error) {
	info, err := os.Stat(d.path(key))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return Object{}, fmt.Errorf("%s: %w", d.Name(key), ErrNotFound)
	}
	if err != nil {
		return Object{}, fmt.Errorf("%s: %w", d.Name(key), err)
	}
	return Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Sizes of Stamp: files up to stampWhole are hashed whole, of larger ones the
// head and the tail.
const (
	stampWhole = 256 << 10
	stampHead  = 4 << 10
	stampTail  = 64 << 10
)

func (d *dirBucket) Stamp(_ context.Context, o Object) (string, error) {
	f, err := os.Open(d.path(o.Key))
	if err != nil {
		return "", d.wrap(o.Key, err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	k := ParseKey(o.Key)
	// A text file without compression ends in no checksum: hash it whole.
	if o.Size <= stampWhole || k.Format == Text {
		if _, err := io.Copy(h, f); err != nil {
			return "", d.wrap(o.Key, err)
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	if _, err := fmt.Fprintf(h, "%d\n", o.Size); err != nil {
		return "", err
	}
	for _, r := range []*io.SectionReader{
		io.NewSectionReader(f, 0, stampHead),
		io.NewSectionReader(f, o.Size-stampTail, stampTail),
	} {
		if _, err := io.Copy(h, r); err != nil {
			return "", d.wrap(o.Key, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (d *dirBucket) wrap(key string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", d.Name(key), ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w", d.Name(key), ErrDenied)
	}
	return fmt.Errorf("%s: %w", d.Name(key), err)
}

func (d *dirBucket) ReadRange(_ context.Context, o Object, offset int64, p []byte) error {
	f, err := os.Open(d.path(o.Key))
	if err != nil {
		return d.wrap(o.Key, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return d.wrap(o.Key, err)
	}
	if info.Size() != o.Size {
		return fmt.Errorf("%s: %w", d.Name(o.Key), ErrChanged)
	}
	if _, err := f.ReadAt(p, offset); err != nil {
		return d.wrap(o.Key, err)
	}
	return nil
}

func (d *dirBucket) Open(_ context.Context, o Object) (io.ReadCloser, error) {
	f, err := os.Open(d.path(o.Key))
	if err != nil {
		return nil, d.wrap(o.Key, err)
	}
	return f, nil
}

func (d *dirBucket) Put(_ context.Context, key string, body io.ReadSeeker) (err error) {
	if d.only != "" {
		return fmt.Errorf("%s: not a directory", d.uri)
	}
	dst := d.path(key)
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", d.Name(key), err)
		}
	}()
	dir := filepath.Dir(dst)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".put-*")
	if err != nil {
		return err
	}
	tmp := f.Name()
	_, err = io.Copy(f, body)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, dst)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(dir)
}

// syncDir makes a rename durable. Some file systems cannot, and say so; the
// rename stands there all the same.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = f.Sync()
	return f.Close()
}

func (d *dirBucket) Delete(_ context.Context, key string) error {
	if err := os.Remove(d.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.wrap(key, err)
	}
	return nil
}
