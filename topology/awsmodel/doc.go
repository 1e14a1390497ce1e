// Package awsmodel turns the answers of AWS's Describe calls, as the SDK types
// them, into topology's values. It is the one place that knows what each field
// of an answer means, so a snapshot read through the API, a folder of JSON that
// the AWS CLI printed, and the re-reading before a change is applied agree.
//
// A function returns ok false for a resource that is being deleted or is gone:
// it decides about no packet. The account and Region of a result are set as far
// as the answer itself names them (an owner, an ARN, an Availability Zone);
// the caller fills in the rest. The package does no I/O.
package awsmodel

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

var regionStart = regexp.MustCompile(`^[a-z]{2,}(?:-[a-z]+)+-[0-9]+`)

// RegionOf gives the Region of an Availability, Local or Wavelength Zone by
// its name (ap-northeast-2a, us-west-2-lax-1a), or of a Region itself; empty
// where the text is neither.
func RegionOf(zone string) string { return regionStart.FindString(zone) }

// ScopeOfARN gives the account and Region that an ARN names. Either is empty
// where the ARN leaves it out or the owner is AWS itself.
func ScopeOfARN(arn string) topology.Scope {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" {
		return topology.Scope{}
	}
	s := topology.Scope{Region: part[3], Account: part[4]}
	if strings.EqualFold(s.Account, "aws") {
		s.Account = ""
	}
	return s
}

func text[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}

func isTrue(p *bool) bool { return p != nil && *p }

func number(p *int32, missing int) int {
	if p == nil {
		return missing
	}
	return int(*p)
}

// tags gives a resource's tags, nil where there are none. Every tag is kept,
// those that AWS itself sets (aws:...) too.
func tags(in []ec2types.Tag) topology.Tags {
	if len(in) == 0 {
		return nil
	}
	t := make(topology.Tags, len(in))
	for _, tag := range in {
		t[text(tag.Key)] = text(tag.Value)
	}
	return t
}

func groupIDs(in []ec2types.GroupIdentifier) []string {
	var out []string
	for _, g := range in {
		if id := text(g.GroupId); id != "" {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// fields reads the values of one resource and keeps the first error.
type fields struct {
	id  string
	err error
}

func (f *fields) fail(field, value, reason string) {
	if f.err == nil {
		f.err = &topology.ResourceError{Resource: f.id, Field: field, Value: value, Reason: reason}
	}
}

func (f *fields) prefix(field string, p *string) netip.Prefix {
	s := text(p)
	v, err := netip.ParsePrefix(s)
	if err != nil {
		f.fail(field, s, "want a prefix such as 10.0.0.0/8")
		return netip.Prefix{}
	}
	return netset.CanonicalPrefix(v)
}

func (f *fields) addr(field string, p *string) netip.Addr {
	s := text(p)
	v, err := netip.ParseAddr(s)
	if err != nil {
		f.fail(field, s, "want an IP address")
		return netip.Addr{}
	}
	return v.Unmap()
}

func (f *fields) protocol(field string, p *string) netset.Protocol {
	v, err := netset.ParseProtocol(text(p))
	if err != nil {
		f.fail(field, text(p), "want a name or number of a protocol, or -1")
	}
	return v
}

// name requires the resource's own id.
func (f *fields) name(field, id string) {
	f.id = id
	if id == "" {
		f.fail(field, id, "an answer names each resource")
	}
}

// ports gives FromPort and ToPort their one form: both -1 where the protocol
// has neither ports nor types, 0 and 65535 for all ports.
func (f *fields) ports(field string, p netset.Protocol, from, to *int32) (int, int) {
	a, b := number(from, -1), number(to, -1)
	switch {
	case p.HasPorts() && a == -1 && b == -1:
		return 0, 65535
	case p.HasPorts():
		if a < 0 || b > 65535 || a > b {
			f.fail(field, strconv.Itoa(a)+"-"+strconv.Itoa(b), "want ports from 0 to 65535, the lower first")
		}
		return a, b
	case p.HasTypes() && a >= 0:
		if a > 255 || b < -1 || b > 255 {
			f.fail(field, strconv.Itoa(a)+" "+strconv.Itoa(b), "want an ICMP type and code from 0 to 255, or -1")
		}
		return a, b
	}
	return -1, -1
}
