package analyze

import "slices"

// manyPeers is how many peer ports make one end the one that is connected to.
const manyPeers = 16

// fan counts, for each end of the unsettled connections, the distinct opener's
// ports that met it. Ports below 1024 at the other end are not counted: an
// opener takes an ephemeral port, a scanner with a fixed port meets many low ones.
type fan struct {
	ids    map[socket]uint32
	pairs  []uint64 // end << 32 | other end
	counts map[uint32]int
	folded map[socket]bool // met by many already within one day
}

func newFan() *fan {
	return &fan{ids: map[socket]uint32{}, counts: map[uint32]int{}, folded: map[socket]bool{}}
}

func (f *fan) id(s socket) uint32 {
	n, ok := f.ids[s]
	if !ok {
		n = uint32(len(f.ids))
		f.ids[s] = n
	}
	return n
}

// add notes an unsettled row: both ends, or the one end whose port is known.
func (f *fan) add(r *Row) {
	l, p := r.localSocket(), r.peerSocket()
	switch {
	case r.LocalPort != NoPort && r.PeerPort != NoPort:
		a, b := uint64(f.id(l)), uint64(f.id(p))
		if r.PeerPort >= 1024 {
			f.pairs = append(f.pairs, a<<32|b)
		}
		if r.LocalPort >= 1024 {
			f.pairs = append(f.pairs, b<<32|a)
		}
	case r.OpenerPortLow < 1024 && r.OpenerPortLow != NoPort:
		// The many ports hold low ones: a scan from one port, not a service.
	case r.LocalPort != NoPort:
		f.folded[l] = true
	case r.PeerPort != NoPort:
		f.folded[p] = true
	}
}

// finish counts; no add may follow.
func (f *fan) finish() {
	slices.Sort(f.pairs)
	f.pairs = slices.Compact(f.pairs)
	for _, p := range f.pairs {
		f.counts[uint32(p>>32)]++
	}
	f.pairs = nil
}

// of gives how many opener's ports met the end.
func (f *fan) of(s socket) int {
	if f.folded[s] {
		return 1 << 20
	}
	if n, ok := f.ids[s]; ok {
		return f.counts[n]
	}
	return 0
}
