package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"

	"github.com/flowcover/flowcover/topology/lint"
)

// The parts of SARIF 2.1.0 (OASIS) that lint writes.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		Level               string             `json:"level"`
		Message             sarifText          `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
		} `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

// sarifOf writes findings for CI systems. The snapshot's file is the artifact,
// the resource the logical location; an accepted finding is suppressed.
func sarifOf(out lintJSON, snapshot string) []byte {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "flowcover", Version: versionText(), InformationURI: "https://github.com/flowcover/flowcover"}
	for _, r := range lint.Rules() {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{r.ID, sarifText{r.Text}})
	}
	levels := map[lint.Severity]string{lint.High: "error", lint.Medium: "warning", lint.Low: "note"}
	for _, f := range out.Findings {
		text := f.Reason
		if f.Evidence != "" {
			text += " (" + f.Evidence + ")"
		}
		r := sarifResult{RuleID: f.Rule, Level: levels[f.Severity], Message: sarifText{text + ". Remedy: " + f.Remedy},
			PartialFingerprints: map[string]string{"flowcover/v1": f.ID}}
		var at sarifLocation
		at.PhysicalLocation.ArtifactLocation.URI = (&url.URL{Path: filepath.Base(snapshot)}).String()
		at.LogicalLocations = []sarifLogical{{Name: f.Resource, Kind: "resource"}}
		r.Locations = []sarifLocation{at}
		if f.accepted() {
			r.Suppressions = []sarifSuppression{{"external", f.Acceptance.Reason + " (until " + f.Acceptance.Until + ")"}}
		}
		run.Results = append(run.Results, r)
	}
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(log); err != nil {
		panic(err) // strings and lists alone
	}
	return b.Bytes()
}
