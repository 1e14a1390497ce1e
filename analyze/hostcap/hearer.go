package hostcap

import (
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
)

// hearer reads datagrams of conntrack events and hands on their connections.
type hearer struct {
	f    io.ReadCloser
	out  chan Socket
	quit chan struct{}
	done chan struct{}
	lost atomic.Int64
	once sync.Once
}

func (h *hearer) run(own func(netip.Addr) bool) {
	defer close(h.done)
	defer close(h.out)
	buf := make([]byte, 64<<10)
	for {
		n, err := h.f.Read(buf)
		if err != nil {
			if overrun(err) {
				h.lost.Add(1)
				continue
			}
			return // closed by stop, or no more to hear
		}
		tracks, err := parseEvents(buf[:n])
		if err != nil {
			h.lost.Add(1)
		}
		for i := range tracks {
			select {
			case h.out <- tracks[i].seenFrom(own):
			case <-h.quit:
				return
			}
		}
	}
}

// stop ends the hearing and waits for it.
func (h *hearer) stop() (err error) {
	h.once.Do(func() {
		close(h.quit)
		err = h.f.Close()
		<-h.done
	})
	return err
}
