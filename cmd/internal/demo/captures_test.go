package demo

import (
	"os"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
)

// The captures are read by their readers, and who opened what in them is what
// the truth says.
func TestCapturesAgreeWithTheTruth(t *testing.T) {
	r := run(t, Options{Seed: 9, Days: 2, Records: 40000})
	captures, findings, err := hostcap.Read(os.DirFS(r.Captures), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("%s: %s", f.Resource, f.Message)
	}
	type key struct {
		opener, target string
		port           int
	}
	truth := map[key]TruthEntry{}
	for _, x := range readTruth(t, r.Truth).Pairs {
		truth[key{x.Opener.String(), x.Target.String(), x.Port}] = x
	}
	hosts, connections, settled, older := map[string]bool{}, 0, 0, 0
	for _, c := range captures {
		hosts[c.Instance] = true
		if len(c.Listeners) == 0 || c.Instance == "" {
			t.Errorf("%s: instance %q, %d listeners", c.Source, c.Instance, len(c.Listeners))
		}
		for _, n := range c.Connections {
			connections++
			k := key{n.Local.String(), n.Peer.String(), n.PeerPort}
			if n.Opener == analyze.In {
				k = key{n.Peer.String(), n.Local.String(), n.LocalPort}
			}
			x, ok := truth[k]
			if !ok || x.Kind != Legit {
				t.Errorf("%s: %+v is not in the truth (%+v)", c.Source, n, x)
				continue
			}
			if n.Opener != analyze.Unsettled {
				settled++
			}
			if !x.SYN {
				older++
			}
		}
	}
	if len(hosts) != 2 || connections < 100 || settled != connections || older == 0 {
		t.Errorf("%d hosts, %d connections, %d with a known opener, %d without a SYN in the logs", len(hosts), connections, settled, older)
	}
}
