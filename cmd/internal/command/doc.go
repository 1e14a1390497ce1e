// Package command is what every verb of the command line shares: flags that may
// stand anywhere and come from the command line, the environment and the
// configuration file in that precedence; help, completion, exit codes, signals,
// logs and progress.
//
// A [Verb] declares its flags and turns them into a [Runner], a plain struct
// whose Run does the work. Results go to Env.Out, everything else to the log or
// the progress line, which are on standard error.
package command
