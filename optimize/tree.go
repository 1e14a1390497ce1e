package optimize

// lcpTree is the tree of longest common prefixes of sorted, disjoint leaves.
type lcpTree struct {
	nodes []lcpNode // inner nodes in post-order: a subtree of s leaves is s-1 neighbours
	root  int32
}

// lcpNode is an inner node. A child c >= 0 is an inner node, c < 0 the leaf ^c.
type lcpNode struct {
	left, right int32
	first, last int32 // leaves
	bits        uint8
}

// newTree makes the tree with one stack over the leaves.
func newTree(n int, at func(i int) key) lcpTree {
	type open struct {
		bits int
		left int32
	}
	t := lcpTree{nodes: make([]lcpNode, 0, max(0, n-1))}
	var stack []open
	cur := ^int32(0)
	closeDown := func(bits, last int) {
		for len(stack) > 0 && stack[len(stack)-1].bits > bits {
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			first := ^top.left
			if top.left >= 0 {
				first = t.nodes[top.left].first
			}
			t.nodes = append(t.nodes, lcpNode{top.left, cur, first, int32(last), uint8(top.bits)})
			cur = int32(len(t.nodes) - 1)
		}
	}
	for i := 1; i < n; i++ {
		d := at(i - 1).common(at(i))
		closeDown(d, i-1)
		stack = append(stack, open{d, cur})
		cur = ^int32(i)
	}
	closeDown(-1, n-1)
	t.root = cur
	return t
}

// from is the first inner node of the subtree of inner node v.
func (t *lcpTree) from(v int32) int32 {
	n := &t.nodes[v]
	return v - (n.last - n.first) + 1
}
