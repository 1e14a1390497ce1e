package housetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flowcover/flowcover"

// pkg is what go list says of a package; test files are left out.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	CgoFiles   []string
	Standard   bool
	Module     *struct{ Path string }
}

// short is the path within the project: "topology/netset".
func (p pkg) short() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func load(t *testing.T) (own []pkg, all map[string]pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps,CgoFiles,Standard,Module",
		"./analyze/...", "./cmd/...", "./optimize/...", "./scripts/...", "./topology/...")
	cmd.Dir = "../../.."
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, errs.String())
	}
	all = map[string]pkg{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
		if p.Module != nil && p.Module.Path == module {
			own = append(own, p)
		}
	}
	if len(own) < 20 {
		t.Fatalf("go list names %d packages of the project: something is wrong with this test", len(own))
	}
	return own, all
}

// in says whether a package is dir or lies below it.
func in(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// domain are the packages that do no I/O.
func domain(short string) bool {
	switch short {
	case "topology", "topology/netset", "topology/lint", "topology/changeset", "topology/diagram", "analyze":
		return true
	}
	return in(short, "optimize")
}

// TestOneImporter: each outside thing is known to one place.
func TestOneImporter(t *testing.T) {
	own, _ := load(t)
	aws := "github.com/aws/aws-sdk-go-v2/service/"
	for _, rule := range []struct {
		path    string
		allowed []string
		why     string
	}{
		{"github.com/apache/arrow", []string{"analyze/parquetio"}, "Parquet is read and written in one place"},
		{"github.com/marcboeker/go-duckdb", []string{"analyze/rollup"}, "the engine is sealed: nobody else can open it"},
		{"github.com/duckdb", []string{"analyze/rollup"}, "the engine is sealed: nobody else can open it"},
		{aws + "s3", []string{"analyze/source", "cmd"}, "objects are listed, staged and stored in one place"},
		{aws + "ec2", []string{"topology/awscollect", "topology/awsapply", "topology/awsmodel", "cmd"}, "EC2 is read by awscollect and written by awsapply"},
		{aws + "elasticloadbalancingv2", []string{"topology/awscollect", "topology/awsmodel"}, "accounts are read in one place"},
		{aws + "rds", []string{"topology/awscollect", "topology/awsmodel"}, "accounts are read in one place"},
		{aws + "route53", []string{"topology/awscollect", "topology/awsmodel"}, "accounts are read in one place"},
		{aws + "servicequotas", []string{"topology/awscollect", "topology/awsmodel"}, "accounts are read in one place"},
		{"github.com/hiddeco/sshsig", []string{"topology/review"}, "signatures are made and judged in one place"},
		{"golang.org/x/crypto", []string{"topology/review"}, "signatures are made and judged in one place"},
		{"go4.org/netipx", []string{"topology/netset"}, "sets of addresses have one algebra"},
		{"github.com/gaissmai/bart", []string{"topology/netset", "topology"}, "prefix tables belong to the topology"},
		{"github.com/urfave/cli", []string{"cmd"}, "only commands know of flags"},
		{"github.com/goccy/go-yaml", []string{"cmd/internal/config"}, "the configuration is read in one place"},
		{"github.com/mattn/go-runewidth", []string{"cmd/internal/table", "topology/diagram"}, "widths are measured for the terminal and for pictures"},
		{"golang.org/x/term", []string{"cmd"}, "only commands know of terminals"},
		{"testing", []string{"scripts/mototest", "analyze/internal/s3fake"}, "test helpers stay out of the product"},
		{"C", nil, "no package of ours is written in C"},
	} {
		for _, p := range own {
			if slices.ContainsFunc(rule.allowed, func(dir string) bool { return in(p.short(), dir) }) {
				continue
			}
			for _, imp := range p.Imports {
				if in(imp, rule.path) {
					t.Errorf("%s imports %s: %s (%s)", p.short(), imp, rule.why, strings.Join(rule.allowed, ", "))
				}
			}
		}
	}
}

// TestDomainDoesNoIO: what decides is free of clocks, files, networks and C, so
// that it can be tested and read alone.
func TestDomainDoesNoIO(t *testing.T) {
	own, all := load(t)
	direct := []string{"os", "os/exec", "os/signal", "net", "net/http", "log", "log/slog", "syscall", "database/sql", "io/ioutil", "embed", "unsafe"}
	found := 0
	for _, p := range own {
		if !domain(p.short()) {
			continue
		}
		found++
		for _, imp := range p.Imports {
			if slices.Contains(direct, imp) {
				t.Errorf("%s imports %s: a domain package does no I/O", p.short(), imp)
			}
		}
		for _, dep := range p.Deps {
			d := all[dep]
			if len(d.CgoFiles) > 0 && !d.Standard {
				t.Errorf("%s needs C by way of %s: CGO_ENABLED=0 has to build the domain", p.short(), dep)
			}
			for _, far := range []string{"github.com/aws", "github.com/apache/arrow", "github.com/marcboeker", "github.com/urfave", "net/http"} {
				if in(dep, far) {
					t.Errorf("%s gets %s by way of others: a domain package knows nothing outside", p.short(), dep)
				}
			}
		}
	}
	if found < 6 {
		t.Errorf("only %d domain packages found: this test looks in the wrong places", found)
	}
}

// order is the house from left to right: nothing imports to its right.
var order = []string{"topology/netset", "topology", "analyze", "optimize", "topology/changeset", "cmd"}

// place gives a package's position in the house. What lies below a domain
// folder stands beside it; awsapply and review stand beside the changeset.
func place(short string) int {
	switch {
	case in(short, "scripts"), in(short, "cmd"):
		return slices.Index(order, "cmd")
	case in(short, "topology/netset"):
		return slices.Index(order, "topology/netset")
	case in(short, "topology/changeset"), in(short, "topology/awsapply"), in(short, "topology/review"):
		return slices.Index(order, "topology/changeset")
	case in(short, "optimize"):
		return slices.Index(order, "optimize")
	case in(short, "analyze"):
		return slices.Index(order, "analyze")
	case in(short, "topology"):
		return slices.Index(order, "topology")
	}
	return -1
}

func TestNothingImportsToItsRight(t *testing.T) {
	own, _ := load(t)
	for _, p := range own {
		from := place(p.short())
		if from < 0 {
			t.Errorf("%s has no place in the house: cmd, analyze, optimize, topology and scripts are its folders", p.short())
		}
		for _, dep := range p.Deps {
			short, ok := strings.CutPrefix(dep, module+"/")
			if ok && place(short) > from {
				t.Errorf("%s needs %s, which stands to its right", p.short(), short)
			}
		}
	}
}

// TestOnlyCommandsImportAdapters: an adapter may use those beside it in its own
// folder, and nobody else's.
func TestOnlyCommandsImportAdapters(t *testing.T) {
	own, _ := load(t)
	for _, p := range own {
		for _, imp := range p.Imports {
			short, ok := strings.CutPrefix(imp, module+"/")
			if !ok || domain(short) || in(short, "cmd") || in(p.short(), "cmd") {
				continue
			}
			folder, _, _ := strings.Cut(p.short(), "/")
			if domain(p.short()) || !in(short, folder) {
				t.Errorf("%s imports the adapter %s: only commands, and adapters in the same folder, may", p.short(), short)
			}
		}
	}
}

// TestFlowcaptureIsStatic: what flowcapture runs on is without C and knows neither
// AWS nor DuckDB, so that it can be copied to any host.
func TestFlowcaptureIsStatic(t *testing.T) {
	own, all := load(t)
	i := slices.IndexFunc(own, func(p pkg) bool { return p.short() == "cmd/flowcapture" })
	if i < 0 {
		t.Fatal("cmd/flowcapture is not there")
	}
	for _, dep := range own[i].Deps {
		d := all[dep]
		if len(d.CgoFiles) > 0 && !d.Standard {
			t.Errorf("flowcapture needs C by way of %s", dep)
		}
		for _, heavy := range []string{"github.com/aws", "github.com/marcboeker", "github.com/duckdb"} {
			if in(dep, heavy) {
				t.Errorf("flowcapture gets %s", dep)
			}
		}
	}
}
