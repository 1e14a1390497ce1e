// Package linetest walks the whole line as a user would: it builds the flowcover
// binary, makes the demo's account and its flow logs on a moto server, and runs
// the verbs from snapshot to apply against it. It holds tests only.
package linetest
