package analyze

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/topology"
)

// FlowJSON is a flow as commands print it. A nil value is not known.
type FlowJSON struct {
	ID       string  `json:"id"`
	Account  *string `json:"account"`
	Region   *string `json:"region"`
	ENI      *string `json:"eni"`
	Side     string  `json:"side"`
	Protocol *string `json:"protocol"`
	Local    *string `json:"local"`
	Peer     *string `json:"peer"`
	Port     *int    `json:"port"`
	Action   *string `json:"action"`
	Records  int64   `json:"records"`
	Packets  int64   `json:"packets"`
	Bytes    int64   `json:"bytes"`
	First    *string `json:"first"`
	Last     *string `json:"last"`
	Days     int     `json:"days"`
	Method   *string `json:"method"`
	Class    *string `json:"class"`
	Rank     *int    `json:"rank"`
	Approved bool    `json:"approved"`

	AdmittedBy []topology.RuleRef `json:"admitted_by"`
	Group      *string            `json:"group"`
	Answered   bool               `json:"answered"`
	Holds      bool               `json:"holds"`
	Middle     bool               `json:"seen_in_middle"`
	Capture    bool               `json:"seen_by_capture"`
	Log        bool               `json:"seen_by_log"`
	Reasons    []string           `json:"reasons"`
	Why        []string           `json:"why"`
}

// JSON gives the flow as commands print it.
func (f Flow) JSON() FlowJSON {
	j := FlowJSON{
		ID: f.ID, Side: string(f.Side),
		Account: known(f.Account), Region: known(f.Region), ENI: known(f.ENI),
		Local: knownAddr(f.Local), Peer: knownAddr(f.Peer), Action: known(string(f.Action)),
		Records: f.Records, Packets: f.Packets, Bytes: f.Bytes,
		First: knownTime(f.First), Last: knownTime(f.Last), Days: len(f.Days),
		Method: known(string(f.Method)), Class: known(string(f.Class)), Group: known(f.Group),
		Approved: f.Approved, AdmittedBy: f.AdmittedBy, Answered: f.Answered, Holds: f.Holds,
		Middle: f.SeenInMiddle, Capture: f.SeenByCapture, Log: f.SeenByLog,
		Reasons: f.Reasons, Why: f.Why,
	}
	if f.Protocol != UnknownProtocol {
		p := f.Protocol.String()
		j.Protocol = &p
	}
	if f.Port != NoPort {
		j.Port = &f.Port
	}
	if f.Rank > 0 {
		j.Rank = &f.Rank
	}
	if j.AdmittedBy == nil {
		j.AdmittedBy = []topology.RuleRef{}
	}
	if j.Reasons == nil {
		j.Reasons = []string{}
	}
	if j.Why == nil {
		j.Why = []string{}
	}
	return j
}

// MarshalJSON writes the flow as [Flow.JSON] gives it.
func (f Flow) MarshalJSON() ([]byte, error) { return json.Marshal(f.JSON()) }

func known(s string) *string {
	if s == "" || s == "-" {
		return nil
	}
	return &s
}

func knownAddr(a netip.Addr) *string {
	if !a.IsValid() {
		return nil
	}
	return known(a.String())
}

func knownTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return known(t.UTC().Format(time.RFC3339))
}
