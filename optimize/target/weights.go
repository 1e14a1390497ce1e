package target

import (
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The weights of an address by where it lies make the whole of each zone roughly
// comparable: the internet has 2^32 IPv4 addresses, private space some 2^24, an
// account's own VPCs far fewer, so those weigh by their number. All together they
// stay below twice the internet, which keeps the optimizer in 64 bits.
const (
	weightInternet = 1
	weightPrivate  = 1 << 6
	weightOwnMost  = 1 << 12
	weightAdmin    = 8 // times an ordinary column
	wholeZone      = 1 << 30
)

// privateNetworks is private space that is not this account's own.
var privateNetworks = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"}

// adminPorts are ports that administer hosts or hold data.
var adminPorts = []uint16{22, 23, 445, 1433, 1521, 2049, 3306, 3389, 5432, 5985, 5986, 6379, 9200, 11211, 27017}

// DefaultWeights prices exposure where no policy does: three zones (the
// account's own VPCs, other private space, the internet) and a higher weight
// for admin and database ports.
func DefaultWeights(r topology.Resources) *optimize.Weights {
	w := &optimize.Weights{DefaultZone: weightInternet}
	for _, p := range privateNetworks {
		w.Zones = append(w.Zones, optimize.Zone{Name: "private", Prefix: netip.MustParsePrefix(p), Weight: weightPrivate})
	}
	var own []netip.Prefix
	addresses := int64(0)
	for _, v := range r.VPCs {
		for _, c := range v.CIDRs {
			c = netset.CanonicalPrefix(c)
			if !c.IsValid() || slices.Contains(own, c) {
				continue
			}
			own = append(own, c)
			if c.Addr().Is4() {
				addresses += 1 << (32 - c.Bits())
			}
		}
	}
	weight := int64(weightOwnMost)
	for weight > 2*weightPrivate && weight*addresses > wholeZone {
		weight /= 2
	}
	for _, c := range own {
		w.Zones = slices.DeleteFunc(w.Zones, func(z optimize.Zone) bool { return z.Prefix == c })
		w.Zones = append(w.Zones, optimize.Zone{Name: "own", Prefix: c, Weight: weight})
	}
	slices.SortFunc(w.Zones, func(a, b optimize.Zone) int {
		return netset.Block{Prefix: a.Prefix}.Compare(netset.Block{Prefix: b.Prefix})
	})
	for _, port := range adminPorts {
		w.Ports = append(w.Ports, optimize.PortWeight{Columns: netset.PortColumns(netset.TCP, port, port), Weight: weightAdmin})
	}
	return w
}
