package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The account that the benchmark's logs are of.
const (
	account = "123456789012"
	region  = "ap-northeast-2"
	flowLog = "fl-0bec4a1d2c3b4a596"
)

// eni is an interface, as the fields of its records name it.
type eni struct {
	id, vpc, subnet, zone, instance, addr string
	public                                bool
}

// route is one connection that the account's programs keep making: from a
// client to a service, within the account or with one end outside it.
type route struct {
	client, server *eni   // nil: outside
	from, to       string // addresses
	fromAWS, toAWS string // AWS service that an outside address belongs to
	port, protocol int64
	viaNAT         bool // leaves by the NAT gateway
}

// world is the account: its interfaces and routes, a heavy tail of them busy.
type world struct {
	enis   []*eni
	nat    *eni
	routes []route
	weight []float64 // cumulated, of routes
}

// Shares of a world's routes and interfaces. An account of a few VPCs behind a
// NAT gateway, half of whose interfaces AWS manages (load balancers, Fargate,
// endpoints), so that they have no instance.
const (
	servicesShare = 0.3
	routesPerENI  = 12
	vpcCount      = 6
	subnetsPerVPC = 6
)

func newWorld(r *rand.Rand, enis int) *world {
	w := &world{}
	hex := func() string { return fmt.Sprintf("%017x", r.Uint64()>>4) }
	vpcs, subnets := make([]string, vpcCount), make([]string, vpcCount*subnetsPerVPC)
	for i := range vpcs {
		vpcs[i] = "vpc-" + hex()
	}
	for i := range subnets {
		subnets[i] = "subnet-" + hex()
	}
	for i := range enis {
		s := r.IntN(len(subnets))
		e := &eni{id: "eni-" + hex(), subnet: subnets[s], vpc: vpcs[s/subnetsPerVPC],
			zone: fmt.Sprintf("apne2-az%d", 1+s%3), instance: "-",
			addr: fmt.Sprintf("10.%d.%d.%d", 20+s/subnetsPerVPC, s%subnetsPerVPC*16+i/250%16, 4+i%250), public: r.IntN(20) == 0}
		if r.IntN(2) == 0 {
			e.instance = "i-" + hex()
		}
		w.enis = append(w.enis, e)
	}
	w.nat = w.enis[0]
	w.nat.instance = "-"
	w.makeRoutes(r)
	return w
}

var servicePorts = []int64{443, 443, 443, 8080, 8443, 5432, 3306, 6379, 9092, 80, 53, 389, 2049, 8125, 123}

func (w *world) makeRoutes(r *rand.Rand) {
	services := max(1, int(float64(len(w.enis))*servicesShare))
	total := 0.0
	for i := range len(w.enis) * routesPerENI {
		rt := route{port: servicePorts[r.IntN(len(servicePorts))], protocol: 6}
		if rt.port == 53 || rt.port == 8125 || rt.port == 123 {
			rt.protocol = 17
		}
		rt.client = w.enis[1+r.IntN(len(w.enis)-1)]
		rt.from = rt.client.addr
		switch k := r.IntN(10); {
		case k < 7: // inside
			rt.server = w.enis[1+r.IntN(services)]
			rt.to = rt.server.addr
		case k < 9: // out to the internet or to AWS
			rt.port, rt.protocol, rt.viaNAT = 443, 6, true
			rt.to, rt.toAWS = outside(r)
		default: // in from the internet
			rt.server, rt.client = rt.client, nil
			rt.to, rt.port, rt.protocol = rt.server.addr, 443, 6
			rt.from, rt.fromAWS = outside(r)
		}
		total += 1 / math.Pow(float64(i+1), 0.8) // Zipf's law, nearly
		w.routes = append(w.routes, rt)
		w.weight = append(w.weight, total)
	}
}

// outside is a public address, and the AWS service it belongs to.
func outside(r *rand.Rand) (addr, service string) {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("52.219.%d.%d", r.IntN(64), r.IntN(256)), "S3"
	case 1:
		return fmt.Sprintf("3.%d.%d.%d", 32+r.IntN(8), r.IntN(256), r.IntN(256)), "AMAZON"
	}
	return fmt.Sprintf("%d.%d.%d.%d", 60+r.IntN(120), r.IntN(256), r.IntN(256), 1+r.IntN(254)), "-"
}

// pick chooses a route by its weight.
func (w *world) pick(r *rand.Rand) int {
	x := r.Float64() * w.weight[len(w.weight)-1]
	lo, hi := 0, len(w.weight)-1
	for lo < hi {
		if mid := (lo + hi) / 2; w.weight[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
