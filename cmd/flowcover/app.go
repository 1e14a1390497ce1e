package main

import (
	"runtime/debug"

	"github.com/flowcover/flowcover/cmd/internal/command"
)

// version is set by the linker in a release; else the build's own record says.
var version = ""

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && text == "devel" {
			text += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return text
}

func newApp() *command.App {
	a := &command.App{
		Name:    "flowcover",
		Version: versionText(),
		About: "flowcover reads AWS flow logs and host captures, learns which connections an account needs, and works out " +
			"the security group and network ACL rules that carry those and open the least beyond. People review and sign " +
			"the difference to today; a separate step applies it.",
		Exits:         exits,
		Code:          exitCode,
		DefaultConfig: "flowcover.yaml",
	}
	a.Verbs = []command.Verb{
		snapshotVerb(),
		analyzeVerb(),
		queryVerb(),
		stateVerb(),
		captureVerb(),
		planVerb(),
		minimizeVerb(),
		showVerb(),
		reviewVerb(),
		applyVerb(),
		traceVerb(),
		reachVerb(),
		lintVerb(),
		drawVerb(),
		demoVerb(),
		completionVerb(a),
		completeVerb(a),
	}
	return a
}
