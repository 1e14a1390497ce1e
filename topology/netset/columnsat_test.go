package netset

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestColumnsAt(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 500 {
		s := Of(randomBlocks(r)...)
		for _, a := range addresses() {
			got := s.ColumnsAt(a)
			for i := 1; i < len(got); i++ {
				if got[i-1].Last+1 >= got[i].First {
					t.Fatalf("%v at %s: not apart and ascending: %v", s.Blocks(), a, got)
				}
			}
			for _, c := range seams() {
				in := slices.ContainsFunc(got, func(x Columns) bool { return x.First <= c && c <= x.Last })
				if in != s.Contains(a, c) {
					t.Fatalf("%v at %s: column %d is %v in %v", s.Blocks(), a, c, in, got)
				}
			}
		}
	}
}
