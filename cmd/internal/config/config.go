// Package config reads flowcover.yaml strictly: an unknown key is an error that
// names the file, the line and the nearest known key.
//
// A key is a path of words joined by dots, such as policy.min-coverage. What a
// key may hold is one of four kinds; whatever the kind, it comes out as texts
// in the form that the key's flag takes, each with its line, so that a value is
// judged in one place wherever it came from.
package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/flowcover/flowcover/cmd/internal/words"
)

// Kind is what a key may hold.
type Kind int

// The kinds.
const (
	Scalar  Kind = iota // text, number, true or false
	List                // a list of scalars, or one scalar
	Map                 // names with a scalar or a list each: "name=value" once a value; or a scalar
	Records             // a list of mappings or texts: "a=1 b=2" once a mapping
)

// Key is a key that may stand in the file.
type Key struct {
	Name string
	Kind Kind
}

// Value is one value as its flag takes it.
type Value struct {
	Text string
	Line int
}

// maxSize bounds the file; a real one has a few hundred lines.
const maxSize = 1 << 20

// Parse reads data, the content of file, and gives the values by key.
func Parse(file string, data []byte, keys []Key) (map[string][]Value, error) {
	r := reader{file: file, keys: map[string]Kind{}, out: map[string][]Value{}}
	for _, k := range keys {
		r.keys[k.Name] = k.Kind
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: larger than %d bytes; this is not a configuration", file, maxSize)
	}
	tree, err := parse(data)
	if err != nil {
		return nil, r.syntax(err)
	}
	for i, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); comment {
			continue
		}
		if i > 0 {
			return nil, r.fail(doc.Body, "a second document begins; one file holds one configuration")
		}
		if err := r.mapping("", doc.Body); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

// parse keeps a panic of the YAML library on foreign bytes from ending the
// program: it is an error like any other.
func parse(data []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("not YAML: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0)
}

type reader struct {
	file string
	keys map[string]Kind
	out  map[string][]Value
}

func (r *reader) syntax(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		return fmt.Errorf("%s:%d: %s", r.file, y.GetToken().Position.Line, y.GetMessage())
	}
	return fmt.Errorf("%s: %w", r.file, err)
}

func (r *reader) fail(n ast.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.file, line(n), fmt.Sprintf(format, args...))
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// pairs gives the pairs of a mapping of one or of several.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func (r *reader) mapping(prefix string, n ast.Node) error {
	list, ok := pairs(n)
	if !ok {
		if prefix == "" {
			return r.fail(n, "want keys with values, such as \"timezone: Asia/Seoul\"")
		}
		return r.fail(n, "%s holds a single value; want one of its keys: %s", strings.TrimSuffix(prefix, "."), strings.Join(r.under(prefix), ", "))
	}
	for _, p := range list {
		word, err := r.scalar(p.Key)
		if err != nil {
			return err
		}
		name := prefix + word
		kind, known := r.keys[name]
		switch {
		case known && r.out[name] != nil:
			return r.fail(p.Key, "key %s is given twice", name)
		case known:
			err = r.value(name, kind, p.Value)
		case len(r.under(name+".")) > 0:
			err = r.mapping(name+".", p.Value)
		default:
			return r.fail(p.Key, "unknown key %s%s", name, r.suggest(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// under lists the words that may follow a prefix, sorted.
func (r *reader) under(prefix string) []string {
	var out []string
	for k := range r.keys {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			word, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(out, word) {
				out = append(out, word)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (r *reader) suggest(name string) string {
	prefix := name[:strings.LastIndexByte(name, '.')+1]
	word := name[len(prefix):]
	if s := words.Nearest(word, r.under(prefix)); s != "" {
		return " (did you mean " + prefix + s + "?)"
	}
	// Perhaps a right key at the wrong depth.
	all := make([]string, 0, len(r.keys))
	for k := range r.keys {
		all = append(all, k)
	}
	slices.Sort(all)
	for _, k := range all {
		if k[strings.LastIndexByte(k, '.')+1:] == word {
			return " (did you mean " + k + "?)"
		}
	}
	return "; known here: " + strings.Join(r.under(prefix), ", ")
}

func (r *reader) value(name string, kind Kind, n ast.Node) error {
	var err error
	switch kind {
	case Scalar:
		err = r.addScalar(name, "", n)
	case List:
		err = r.addList(name, "", n)
	case Map:
		list, ok := pairs(n)
		if !ok {
			return r.addScalar(name, "", n)
		}
		for _, p := range list {
			word, kerr := r.scalar(p.Key)
			if kerr != nil {
				return kerr
			}
			if err = r.addList(name, word+"=", p.Value); err != nil {
				break
			}
		}
	case Records:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			return r.fail(n, "%s wants a list", name)
		}
		for _, item := range seq.Values {
			if err = r.addRecord(name, item); err != nil {
				break
			}
		}
	}
	if err == nil && r.out[name] == nil {
		r.out[name] = []Value{}
	}
	return err
}

func (r *reader) addScalar(name, before string, n ast.Node) error {
	text, err := r.scalar(n)
	if err != nil {
		return err
	}
	r.out[name] = append(r.out[name], Value{before + text, line(n)})
	return nil
}

func (r *reader) addList(name, before string, n ast.Node) error {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return r.addScalar(name, before, n)
	}
	for _, item := range seq.Values {
		if err := r.addScalar(name, before, item); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) addRecord(name string, n ast.Node) error {
	list, ok := pairs(n)
	if !ok {
		return r.addScalar(name, "", n)
	}
	var parts []string
	for _, p := range list {
		word, err := r.scalar(p.Key)
		if err != nil {
			return err
		}
		items := []ast.Node{p.Value}
		if seq, ok := p.Value.(*ast.SequenceNode); ok {
			items = seq.Values
		}
		for _, item := range items {
			text, err := r.scalar(item)
			if err != nil {
				return err
			}
			if strings.ContainsAny(text, " \t\n") {
				return r.fail(item, "%s: %q has a blank in it; a blank separates the parts of a line", word, text)
			}
			parts = append(parts, word+"="+text)
		}
	}
	r.out[name] = append(r.out[name], Value{strings.Join(parts, " "), line(n)})
	return nil
}

// scalar gives a scalar as it is written, so that an account's leading zeros stay.
func (r *reader) scalar(n ast.Node) (string, error) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, nil
	case *ast.MappingKeyNode:
		return r.scalar(v.Value)
	case *ast.NullNode:
		return "", r.fail(n, "a key without a value; give it one or take the line away")
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return "", r.fail(n, "anchors, aliases and tags are not read here; write the value out")
	case nil:
		return "", fmt.Errorf("%s: a key without a value; give it one or take the line away", r.file)
	}
	return "", r.fail(n, "want a single value here, found a %s", strings.ToLower(n.Type().String()))
}
