package awsmodel

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
)

// readers are all functions that read a part of an answer of AWS.
var readers = map[string]any{
	"NetworkInterface": NetworkInterface, "Instance": Instance, "InternetGateway": InternetGateway, "EgressOnlyGateway": EgressOnlyGateway,
	"VPNGateway": VPNGateway, "VPNDestinations": VPNDestinations, "NATGateway": NATGateway, "Endpoint": Endpoint, "SecurityGroup": SecurityGroup,
	"SecurityGroupRule": SecurityGroupRule, "SecurityGroupVPC": SecurityGroupVPC, "NetworkACL": NetworkACL, "LoadBalancer": LoadBalancer, "ReadListener": ReadListener,
	"TargetGroups": TargetGroups, "Target": Target, "DBInstance": DBInstance, "Quota": Quota, "TransitGateway": TransitGateway, "Attachment": Attachment,
	"VPCAttachment": VPCAttachment, "PeeringAttachment": PeeringAttachment, "TransitRouteTable": TransitRouteTable, "TransitRoutes": TransitRoutes,
	"Propagation": Propagation, "Association": Association, "PrefixListReference": PrefixListReference, "VPC": VPC, "Subnet": Subnet, "RouteTable": RouteTable,
	"Peering": Peering, "ManagedPrefixList": ManagedPrefixList, "OldPrefixList": OldPrefixList, "PrefixListEntry": PrefixListEntry, "HostedZone": HostedZone, "ZoneRecord": ZoneRecord,
}

// Every exported function that takes a type of the SDK is fuzzed.
func TestEveryReaderIsFuzzed(t *testing.T) {
	found := 0
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || !takesSDK(f) {
				continue
			}
			found++
			if readers[f.Name.Name] == nil {
				t.Errorf("%s reads an answer of AWS and is not fuzzed: add it to readers", f.Name.Name)
			}
		}
	}
	if found != len(readers) {
		t.Errorf("%d readers are in the package, %d in the list", found, len(readers))
	}
}

func takesSDK(f *ast.FuncDecl) bool {
	sdk := false
	ast.Inspect(f.Type.Params, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && strings.HasSuffix(x.Name, "types") {
				sdk = true
			}
		}
		return true
	})
	return sdk
}

// filler fills values of the SDK's types from bytes: from few bytes much that is
// nearly right.
type filler struct {
	data []byte
	at   int
}

func (f *filler) next() int {
	if f.at >= len(f.data) {
		return 0
	}
	f.at++
	return int(f.data[f.at-1])
}

var texts = []string{"", "vpc-1", "subnet-1", "sg-1", "eni-1", "10.0.0.0/8", "10.0.0.1/8", "10.0.0.7", "2001:db8::/56", "::ffff:10.0.0.1", "2001:db8::1", "0.0.0.0/0", "::/0", "tcp", "6", "-1", "icmp", "icmpv6",
	"available", "active", "deleted", "deleting", "failed", "blackhole", "attached", "detached", "ap-northeast-2a", "us-west-2-lax-1a", "111122223333", "aws",
	"arn:aws:elasticloadbalancing:ap-northeast-2:111122223333:loadbalancer/app/a/1", "arn:::::", "/hostedzone/Z1", "\\052.example.com.", "\\377\\4", "A", "CNAME", "Gateway", "interface", "nat_gateway",
	"pl-1", "tgw-1", "tgw-attach-1", "igw-1", "local", "CreateRoute", "EnableVgwRoutePropagation", "443", "HTTP", "TCP_UDP", "TLS", "내부"}

func (f *filler) text() string {
	n := f.next()
	if n < 5*len(texts) {
		return texts[n%len(texts)]
	}
	end := min(len(f.data), f.at+n%16)
	s := string(f.data[f.at:end])
	f.at = end
	return s
}

func (f *filler) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 && f.next()%4 != 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), depth)
			}
		}
	case reflect.Slice:
		if n := f.next() % 4; depth > 0 && n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				f.fill(v.Index(i), depth-1)
			}
		}
	case reflect.String:
		v.SetString(f.text())
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt([]int64{-1, 0, 1, 8, 80, 255, 256, 443, 32767, 32768, 65535, 65536, -2, 1 << 30, 4, 100}[f.next()%16])
	case reflect.Float64, reflect.Float32:
		v.SetFloat([]float64{0, -1, 60, 1e300, 0.5}[f.next()%5])
	case reflect.Bool:
		v.SetBool(f.next()%2 == 0)
	}
}

// FuzzReaders gives each reader any answer: it does not panic, answers the same
// twice, an error names the resource and the field, and what is read without
// one is a resource that a snapshot takes or refuses by name.
func FuzzReaders(f *testing.F) {
	names := slices.Sorted(maps.Keys(readers))
	for i := range names {
		f.Add(i, []byte{}) // all fields missing
		f.Add(i, []byte("\x01\x01\x01\x02\x03\x02\x05\x05\x01\x06\x07\x08\x09\x01\x02\x03\x0d\x0e\x01\x01\x01\x01\x02\x02\x02\x02\x03\x03\x01\x01\x05\x05\x05\x05"))
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		name := names[((which%len(names))+len(names))%len(names)]
		read := reflect.ValueOf(readers[name])
		in := make([]reflect.Value, read.Type().NumIn())
		source := &filler{data: data}
		for i := range in {
			in[i] = reflect.New(read.Type().In(i)).Elem()
			source.fill(in[i], 5)
		}
		out := read.Call(in)
		for i, again := range read.Call(in) {
			if !reflect.DeepEqual(again.Interface(), out[i].Interface()) {
				t.Fatalf("%s: read twice, %+v and %+v", name, out[i], again)
			}
		}
		if err, failed := out[len(out)-1].Interface().(error); failed {
			var bad *topology.ResourceError
			if !errors.As(err, &bad) || bad.Field == "" || bad.Reason == "" {
				t.Fatalf("%s: error %v; want one that names the resource and the field", name, err)
			}
			return
		}
		var r topology.Resources
		for i := range reflect.TypeOf(r).NumField() {
			list := reflect.ValueOf(&r).Elem().Field(i)
			if list.Kind() == reflect.Slice && list.Type().Elem() == out[0].Type() {
				list.Set(reflect.Append(list, out[0]))
			}
		}
		if _, err := topology.New(r); err != nil {
			var bad *topology.ResourceError
			if !errors.As(err, &bad) {
				t.Fatalf("%s: error %v of %+v; want one that names the resource", name, err, out[0])
			}
		}
	})
}
