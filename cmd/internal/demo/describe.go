package demo

import "github.com/flowcover/flowcover/topology"

// WriteAccount writes the account.
func WriteAccount(string, *topology.Resources) error { return nil }
