package optimize

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPackGivesEachInterfaceItsRules(t *testing.T) {
	packed := 0
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 51))
		capacity, perENI := 3+r.IntN(20), 1+r.IntN(5)
		var enis []string
		for i := range 1 + r.IntN(6) {
			enis = append(enis, fmt.Sprint("eni-", i))
		}
		var rules []PackRule
		for i := range 1 + r.IntN(40) {
			rule := PackRule{Key: fmt.Sprint("r", i), Price: r.IntN(3)}
			for _, e := range enis {
				if r.IntN(2) == 0 {
					rule.ENIs = append(rule.ENIs, e)
				}
			}
			rules = append(rules, rule)
		}
		p, err := PackRules(rules, capacity, perENI)
		if err != nil {
			if !strings.Contains(err.Error(), "needs rules of price") {
				t.Fatal(err)
			}
			continue
		}
		packed++
		has, member := map[string][]string{}, map[string]int{}
		for _, g := range p.Groups {
			if g.Price > capacity {
				t.Fatalf("seed %d: a group of %d, at most %d", seed, g.Price, capacity)
			}
			for _, e := range g.ENIs {
				has[e] = append(has[e], g.Rules...)
				member[e]++
			}
		}
		for _, e := range enis {
			var want []string
			for _, rule := range rules {
				if slices.Contains(rule.ENIs, e) {
					want = append(want, rule.Key)
				}
			}
			slices.Sort(want)
			slices.Sort(has[e])
			if !slices.Equal(want, has[e]) || member[e] > perENI {
				t.Fatalf("seed %d: %s in %d groups has %v, wants %v", seed, e, member[e], has[e], want)
			}
		}
		r.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		if again, err := PackRules(rules, capacity, perENI); err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("seed %d: another order gives another pack: %v", seed, err)
		}
	}
	if packed < 100 {
		t.Errorf("only %d of 300 could be packed", packed)
	}
}

func TestPackErrors(t *testing.T) {
	one := []PackRule{{Key: "a", Price: 9, ENIs: []string{"eni-1"}}}
	if _, err := PackRules(one, 5, 5); err == nil || !strings.Contains(err.Error(), `"a" costs 9`) {
		t.Error(err)
	}
	if _, err := PackRules(one, 0, 5); err == nil {
		t.Error("no capacity and no error")
	}
	if _, err := PackRules(append(one, one...), 10, 5); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}
