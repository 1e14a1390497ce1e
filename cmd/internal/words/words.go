// Package words finds what somebody meant who mistyped a word.
package words

import "strings"

// Nearest gives the candidate that is nearest to s by edit distance (a swap of
// two neighbours counts one), or "" where none is near: more than about a third of
// the longer word's letters differ. Of equals the first wins.
func Nearest(s string, candidates []string) string {
	best, least := "", 0
	low := []rune(strings.ToLower(s))
	for _, c := range candidates {
		word := []rune(strings.ToLower(c))
		d := distance(low, word)
		if d > (max(len(low), len(word), 3)+1)/3 {
			continue
		}
		if best == "" || d < least {
			best, least = c, d
		}
	}
	return best
}

// Suggest gives " (did you mean X?)", or "" where nothing is near.
func Suggest(s string, candidates []string, prefix string) string {
	if n := Nearest(s, candidates); n != "" {
		return " (did you mean " + prefix + n + "?)"
	}
	return ""
}

// distance is the restricted Damerau-Levenshtein distance.
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
