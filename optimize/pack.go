package optimize

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// PackRule is a rule and the interfaces that need it.
type PackRule struct {
	Key   string // names the rule
	Price int    // 0 is 1
	ENIs  []string
}

// Pack is rules put into security groups: what each group holds, and the
// interfaces it is on.
type Pack struct {
	Groups []PackGroup // by interfaces, then by rules
}

// PackGroup is one security group.
type PackGroup struct {
	Rules []string // sorted keys
	ENIs  []string // sorted
	Price int
}

// PackRules puts rules into groups of at most capacity in price, so that each
// interface is in at most perENI groups and gets exactly the rules it needs. Rules
// that the same interfaces need share groups. Where an interface would be in too
// many, its dearest shared groups stay, and the rest of its rules are copied into
// groups for it and for the interfaces that need just the same rest. The error
// names the interface that cannot be served.
func PackRules(rules []PackRule, capacity, perENI int) (Pack, error) {
	if capacity < 1 || perENI < 1 {
		return Pack{}, fmt.Errorf("pack: capacity %d, groups per interface %d: want 1 or more of each", capacity, perENI)
	}
	classes, err := packClasses(rules, capacity)
	if err != nil {
		return Pack{}, err
	}
	byENI := map[string][]int{}
	for i, c := range classes {
		for _, e := range c.enis {
			byENI[e] = append(byENI[e], i)
		}
	}
	enis := make([]string, 0, len(byENI))
	for e := range byENI {
		enis = append(enis, e)
	}
	slices.Sort(enis)
	users := make([][]string, len(classes)) // interfaces that keep the class's groups
	rest := map[string][]string{}           // a set of classes to copy, to interfaces
	copies := map[string][]int{}
	for _, e := range enis {
		kept, copied, err := packSplit(e, byENI[e], classes, capacity, perENI)
		if err != nil {
			return Pack{}, err
		}
		for _, c := range kept {
			users[c] = append(users[c], e)
		}
		if len(copied) > 0 {
			key := fmt.Sprint(copied)
			rest[key] = append(rest[key], e)
			copies[key] = copied
		}
	}
	var out Pack
	for i, c := range classes {
		if len(users[i]) > 0 {
			out.add(c.rules, users[i], capacity)
		}
	}
	for key, es := range rest {
		var list []PackRule
		for _, c := range copies[key] {
			list = append(list, classes[c].rules...)
		}
		out.add(list, es, capacity)
	}
	slices.SortFunc(out.Groups, func(a, b PackGroup) int {
		if c := slices.Compare(a.ENIs, b.ENIs); c != 0 {
			return c
		}
		return slices.Compare(a.Rules, b.Rules)
	})
	return out, nil
}

// packClass is the rules that the same interfaces need.
type packClass struct {
	enis  []string
	rules []PackRule
	price int
}

func packClasses(rules []PackRule, capacity int) ([]packClass, error) {
	index := map[string]int{}
	seen := map[string]bool{}
	var out []packClass
	for _, r := range rules {
		r.Price = max(1, r.Price)
		if r.Price > capacity {
			return nil, fmt.Errorf("pack: rule %q costs %d and a group holds %d", r.Key, r.Price, capacity)
		}
		if seen[r.Key] {
			return nil, fmt.Errorf("pack: rule %q is listed twice", r.Key)
		}
		seen[r.Key] = true
		enis := slices.Clone(r.ENIs)
		slices.Sort(enis)
		enis = slices.Compact(enis)
		key := strings.Join(enis, "\x00")
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, packClass{enis: enis})
		}
		out[i].rules = append(out[i].rules, r)
		out[i].price += r.Price
	}
	for i := range out {
		slices.SortFunc(out[i].rules, byPrice)
	}
	slices.SortFunc(out, func(a, b packClass) int { return slices.Compare(a.enis, b.enis) })
	return out, nil
}

// byPrice puts the dear first, which fills groups best.
func byPrice(a, b PackRule) int {
	if c := cmp.Compare(b.Price, a.Price); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

// packSplit keeps as many of an interface's classes as leave room to copy the
// rest, the dearest first.
func packSplit(eni string, mine []int, classes []packClass, capacity, perENI int) (kept, copied []int, err error) {
	order := slices.Clone(mine)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(classes[b].price, classes[a].price) })
	for n := len(order); n >= 0; n-- {
		groups, rest := 0, []PackRule(nil)
		for _, c := range order[:n] {
			groups += len(fill(classes[c].rules, capacity))
		}
		for _, c := range order[n:] {
			rest = append(rest, classes[c].rules...)
		}
		if groups+len(fill(rest, capacity)) <= perENI {
			copied = slices.Clone(order[n:])
			slices.Sort(copied)
			return order[:n], copied, nil
		}
	}
	total := 0
	for _, c := range mine {
		total += classes[c].price
	}
	return nil, nil, fmt.Errorf("pack: interface %s needs rules of price %d, and %d groups of %d cannot hold them", eni, total, perENI, capacity)
}

// fill puts rules into groups, each into the first with room.
func fill(rules []PackRule, capacity int) [][]PackRule {
	list := slices.Clone(rules)
	slices.SortFunc(list, byPrice)
	var out [][]PackRule
	var used []int
	for _, r := range list {
		i := slices.IndexFunc(used, func(n int) bool { return n+r.Price <= capacity })
		if i < 0 {
			i, out, used = len(out), append(out, nil), append(used, 0)
		}
		out[i] = append(out[i], r)
		used[i] += r.Price
	}
	return out
}

func (p *Pack) add(rules []PackRule, enis []string, capacity int) {
	for _, g := range fill(rules, capacity) {
		group := PackGroup{ENIs: slices.Clone(enis)}
		for _, r := range g {
			group.Rules = append(group.Rules, r.Key)
			group.Price += r.Price
		}
		slices.Sort(group.Rules)
		p.Groups = append(p.Groups, group)
	}
}
