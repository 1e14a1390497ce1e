package diagram

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/topology"
)

// hostile are names that people could give.
var hostile = []string{
	`</text><script>alert(1)</script>`, `"><image href="http://x"/>`, "a\x00b\u202egnp.exe", "줄\n바꿈\t이름", `아주 긴 이름의 가상 사설 클라우드 계정계 운영 인터넷 뱅킹 대외 연계 구간`,
	"a-very-long-name-without-any-blank-that-goes-on-and-on-and-on-for-ever-and-ever", "&amp;", "\xff\xfe", "", "👩‍👩‍👧‍👦 family", "DMZ", "업무",
}

// account makes a random account of so many VPCs in some accounts and Regions,
// with gateways of every kind, and traffic between them.
func account(t testing.TB, r *rand.Rand, vpcs, groups, hubs, peerings int) (*topology.Snapshot, []Traffic) {
	t.Helper()
	var res topology.Resources
	scope := func(i int) topology.Scope {
		return topology.Scope{Account: fmt.Sprintf("%012d", 111111111111*(1+i/2%9)), Region: []string{"ap-northeast-2", "us-east-1"}[i%2]}
	}
	for i := range hubs {
		res.TransitGateways = append(res.TransitGateways, topology.TransitGateway{ID: fmt.Sprintf("tgw-%d", i), Scope: scope(i), Tags: topology.Tags{"Name": hostile[r.IntN(len(hostile))]}})
		res.TransitRouteTables = append(res.TransitRouteTables, topology.TransitGatewayRouteTable{ID: fmt.Sprintf("tgw-rtb-%d", i), Scope: scope(i), TransitGateway: fmt.Sprintf("tgw-%d", i)})
	}
	for i := range vpcs {
		id, at := fmt.Sprintf("vpc-%04d", i), scope(r.IntN(max(1, groups)))
		v := topology.VPC{ID: id, Scope: at, Tags: topology.Tags{"Name": hostile[r.IntN(len(hostile))]}}
		for range 1 + r.IntN(5) {
			v.CIDRs = append(v.CIDRs, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(256)), byte(r.IntN(256)), 0}), 24))
		}
		res.VPCs = append(res.VPCs, v)
		for n := range r.IntN(4) {
			res.Subnets = append(res.Subnets, topology.Subnet{ID: fmt.Sprintf("subnet-%d-%d", i, n), Scope: at, VPC: id, AZ: fmt.Sprint("az", n%2), CIDRs: v.CIDRs[:1]})
		}
		for k, kind := range []string{topology.KindInternet, topology.KindNAT, topology.KindNAT, topology.KindVPN, topology.KindEgressOnly} {
			if r.IntN(3) == 0 {
				res.Gateways = append(res.Gateways, topology.Gateway{ID: fmt.Sprintf("gw-%d-%d", i, k), Scope: at, Kind: kind, VPC: id})
			}
		}
		for n := range r.IntN(3) {
			res.Endpoints = append(res.Endpoints, topology.VPCEndpoint{ID: fmt.Sprintf("vpce-%d-%d", i, n), Scope: at, VPC: id, Type: "Interface"})
		}
		for h := range hubs {
			if r.IntN(hubs+1) > 0 {
				continue
			}
			a := topology.TransitGatewayAttachment{ID: fmt.Sprintf("tgw-attach-%d-%d", i, h), Scope: at, TransitGateway: fmt.Sprintf("tgw-%d", h), ResourceType: "vpc", Resource: id, State: "available"}
			if r.IntN(4) > 0 {
				a.RouteTable = fmt.Sprintf("tgw-rtb-%d", h)
			}
			res.Attachments = append(res.Attachments, a)
		}
	}
	for i := range peerings {
		side := func() topology.PeeringSide {
			return topology.PeeringSide{VPC: fmt.Sprintf("vpc-%04d", r.IntN(max(1, vpcs)))}
		}
		res.Peerings = append(res.Peerings, topology.PeeringConnection{ID: fmt.Sprintf("pcx-%d", i), Scope: scope(0), Requester: side(), Accepter: side(), Status: "active"})
	}
	s, err := topology.New(res)
	if err != nil {
		t.Fatal(err)
	}
	return s, traffic(r, vpcs)
}

func traffic(r *rand.Rand, vpcs int) []Traffic {
	end := func() string {
		switch n := r.IntN(vpcs + 2); n {
		case vpcs:
			return Internet
		case vpcs + 1:
			return Outside
		default:
			return fmt.Sprintf("vpc-%04d", n)
		}
	}
	seen := map[[2]string]bool{}
	var out []Traffic
	for range 4 * vpcs {
		t := Traffic{From: end(), To: end(), Flows: r.IntN(1 << r.IntN(24)), Refused: r.IntN(3)}
		if key := [2]string{t.From, t.To}; !seen[key] {
			seen[key] = true
			out = append(out, t)
		}
	}
	return out
}
