// Package rulelist reads a list of rules in the forms that people have one in,
// and makes it shorter: the fewest rules within a limit that open the least
// beyond the list, or exactly what the list opens.
//
// An [Entry] is a prefix on columns (package netset). A [List] is plain where it
// names addresses alone: an address of it counts once, whatever the ports.
//
// The package does no I/O but by io.Reader.
package rulelist
