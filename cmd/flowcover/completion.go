package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/command"
)

type completion struct {
	app   *command.App
	shell string
	env   *command.Env
}

func (c *completion) Run(context.Context) error { return c.app.WriteCompletion(c.env.Out, c.shell) }

func completionVerb(a *command.App) command.Verb {
	return command.Verb{
		Name: "completion", Summary: "print the script that teaches a shell to complete flowcover",
		Args: strings.Join(command.Shells, "|"), Values: command.Shells, MinArgs: 1, MaxArgs: 1,
		Examples: []string{"source <(flowcover completion bash)", "flowcover completion fish | source"},
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			return &completion{a, c.Args().First(), e}, nil
		},
	}
}

type complete struct {
	app   *command.App
	words []string
	env   *command.Env
}

func (c *complete) Run(context.Context) error {
	for _, w := range c.app.Complete(c.words) {
		if _, err := fmt.Fprintln(c.env.Out, w); err != nil {
			return err
		}
	}
	return nil
}

func completeVerb(a *command.App) command.Verb {
	return command.Verb{
		Name: command.CompleteVerb, Hidden: true, Summary: "list what may come next", Args: "-- WORDS", MaxArgs: 1 << 16,
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			return &complete{a, c.Args().Slice(), e}, nil
		},
	}
}
