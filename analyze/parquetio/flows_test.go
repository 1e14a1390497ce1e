package parquetio

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
)

// fill sets every field of v to something that is not its zero value.
func fill(t *testing.T, r *rand.Rand, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), 1})))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(2e9)+1, 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, r, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			fill(t, r, v.Index(i))
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%s 값-%d", v.Type().Name(), r.Uint32()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.Int64N(30000) + 1)
	case reflect.Uint32:
		v.SetUint(r.Uint64()>>40 + 1)
	default:
		t.Fatalf("a field of kind %s: teach this test and the observations' schema about it", v.Kind())
	}
}

func randomFlows(t *testing.T, seed uint64, n int) []analyze.Flow {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	flows := make([]analyze.Flow, n)
	for i := range flows {
		switch {
		case i%7 == 3: // all fields zero
		case i%5 == 2:
			fill(t, r, reflect.ValueOf(&flows[i]).Elem())
			flows[i].Days, flows[i].Reasons, flows[i].AdmittedBy, flows[i].Approved = nil, nil, nil, false
			flows[i].Local = netip.MustParseAddr("2001:db8::1")
		default:
			fill(t, r, reflect.ValueOf(&flows[i]).Elem())
		}
	}
	return flows
}

var cmpFlows = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// Every field of a flow comes back: a field that the schema forgot does not.
func TestFlowsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 9, 5000, groupRows + 3} {
		flows := randomFlows(t, uint64(n), min(n, 5000))
		for len(flows) < n { // more than one row group
			flows = append(flows, flows[:min(len(flows), n-len(flows))]...)
		}
		meta := map[string]string{"window": "2026-09-01/2026-10-01", "비고": "x"}
		b, err := FlowsBytes(flows, meta)
		if err != nil {
			t.Fatal(err)
		}
		again, err := FlowsBytes(flows, meta)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, again) {
			t.Error("equal flows gave different bytes")
		}
		got, gotMeta, err := ReadFlows(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(flows) {
			t.Fatalf("%d flows came back as %d", len(flows), len(got))
		}
		for i := range flows {
			if !reflect.DeepEqual(flows[i], got[i]) {
				t.Fatalf("flow %d of %d came back otherwise:\n%s", i, n, cmp.Diff(flows[i], got[i], cmpFlows))
			}
		}
		if d := cmp.Diff(meta, gotMeta); d != "" {
			t.Error(d)
		}
	}
}

func TestReadFlowsRefuses(t *testing.T) {
	b, err := FlowsBytes(randomFlows(t, 1, 100), nil)
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Replace(b, []byte(flowsVersionKey+"\x18\x011"), []byte(flowsVersionKey+"\x18\x019"), 1)
	if bytes.Equal(newer, b) {
		t.Fatal("the version was not found in the footer")
	}
	if _, _, err := ReadFlows(bytes.NewReader(newer), int64(len(newer))); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version: %v", err)
	}
	var other bytes.Buffer
	if err := WriteFlowLog(&other, flowLogColumns(10), FlowLogOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadFlows(bytes.NewReader(other.Bytes()), int64(other.Len())); err == nil || !strings.Contains(err.Error(), "not a file of observations") {
		t.Errorf("a flow log: %v", err)
	}
	named, err := FlowsBytes(nil, map[string]string{"period": "Q1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"meta.period", "Q1"} {
		damaged := bytes.ReplaceAll(named, []byte(text), append([]byte(text)[:len(text)-1:len(text)-1], 0xff))
		if bytes.Equal(damaged, named) {
			t.Fatalf("%q was not found in the footer", text)
		}
		if _, _, err := ReadFlows(bytes.NewReader(damaged), int64(len(damaged))); err == nil || !strings.Contains(err.Error(), "no UTF-8") {
			t.Errorf("%q with a byte that is no text: %v", text, err)
		}
	}
	for _, n := range []int{0, 5, 11, 100, len(b) / 2, len(b) - 1} {
		if _, _, err := ReadFlows(bytes.NewReader(b[:n]), int64(n)); !errors.Is(err, ErrNotParquet) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func FuzzReadFlows(f *testing.F) {
	for _, n := range []int{0, 3} {
		flows := make([]analyze.Flow, n)
		for i := range flows {
			flows[i] = analyze.Flow{ID: "f-1", Local: netip.MustParseAddr("10.0.0.1"), Days: []int32{1, 2}, Attribution: analyze.Attribution{
				AdmittedBy: []topology.RuleRef{{Kind: "sg-rule", Resource: "sg-1", Rule: "ingress tcp/443"}}, Why: []string{"a", "b"}}}
		}
		b, err := FlowsBytes(flows, map[string]string{"a": "b"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		flows, meta, err := ReadFlows(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		out, err := FlowsBytes(flows, meta)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, _, err := ReadFlows(bytes.NewReader(out), int64(len(out))); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
