package command

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Complete lists what may stand at the last of words, the words behind the
// program's name; the last may be empty or half a word. An empty list leaves
// it to the shell to offer files.
func (a *App) Complete(words []string) []string {
	last, before := "", []string{}
	if len(words) > 0 {
		last, before = words[len(words)-1], words[:len(words)-1]
	}
	if slices.Contains(before, "--") {
		return nil
	}
	var verb *Verb
	for _, w := range before {
		if v := a.verb(w); v != nil && verb == nil {
			verb = v
		}
	}
	flags := globals()
	if verb != nil {
		flags = append(flags, verb.Flags...)
	}
	if len(before) > 0 {
		name := strings.TrimLeft(before[len(before)-1], "-")
		for _, f := range flags {
			if strings.HasPrefix(before[len(before)-1], "-") && slices.Contains(f.names(), name) && f.Type != Bool {
				return withPrefix(f.Values, last)
			}
		}
	}
	switch {
	case strings.HasPrefix(last, "-"):
		names := []string{"--help"}
		for _, f := range flags {
			names = append(names, "--"+f.Name)
		}
		slices.Sort(names)
		return withPrefix(names, last)
	case verb == nil:
		var names []string
		for _, v := range a.Verbs {
			if !v.Hidden {
				names = append(names, v.Name)
			}
		}
		return withPrefix(names, last)
	case before[len(before)-1] == verb.Name:
		return withPrefix(verb.Values, last)
	}
	return nil
}

func withPrefix(list []string, prefix string) []string {
	var out []string
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			out = append(out, s)
		}
	}
	return out
}

// Shells are the shells that WriteCompletion knows.
var Shells = []string{"bash", "zsh", "fish"}

// WriteCompletion writes the script that teaches a shell to complete.
func (a *App) WriteCompletion(w io.Writer, shell string) error {
	scripts := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	script, ok := scripts[shell]
	if !ok {
		return Usage("no completion for %q; want %s", shell, strings.Join(Shells, ", "))
	}
	_, err := fmt.Fprint(w, strings.ReplaceAll(script, "PROGRAM", a.Name))
	return err
}

// CompleteVerb is the hidden verb that the scripts call.
const CompleteVerb = "__complete"

const bashScript = `# bash completion of PROGRAM. Load it with: source <(PROGRAM completion bash)
_PROGRAM_complete() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [ -n "$line" ] && COMPREPLY+=("$line")
  done < <(PROGRAM __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -o bashdefault -F _PROGRAM_complete PROGRAM
`

const zshScript = `#compdef PROGRAM
# zsh completion of PROGRAM. Load it with: source <(PROGRAM completion zsh)
_PROGRAM() {
  local -a found
  found=("${(@f)$(PROGRAM __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "${found[*]}" ]]; then
    compadd -a found
  else
    _files
  fi
}
compdef _PROGRAM PROGRAM
`

const fishScript = `# fish completion of PROGRAM. Load it with: PROGRAM completion fish | source
function __PROGRAM_complete
  set -l words (commandline -opc) (commandline -ct)
  PROGRAM __complete -- $words[2..-1] 2>/dev/null
end
complete -c PROGRAM -a '(__PROGRAM_complete)'
`
