// Command flowcover works out the security group and network ACL rules that
// carry what an account's flow logs show, and the least beyond, as a changeset
// that people review and sign.
package main

import (
	"context"
	"os"

	"github.com/flowcover/flowcover/cmd/internal/command"
)

func main() {
	ctx, stop := command.WithSignals(context.Background())
	code := newApp().Main(ctx, os.Args, command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
