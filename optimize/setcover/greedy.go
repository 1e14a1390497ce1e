package setcover

import (
	"math"
	"slices"
)

// greedy builds a cover: again and again the column with the least reduced cost
// for each row that it would newly cover, where reduced costs count only rows not
// yet covered. Columns that end up needless are dropped. Stops after most columns
// if that is not 0, and then need not cover everything.
func greedy(m *matrix, u []float64, most int) []int32 {
	n := m.cols()
	gamma, fresh := make([]float64, n), make([]int32, n)
	for j := range n {
		c := m.cost[j]
		rows := m.col(int32(j))
		for _, i := range rows {
			c -= u[i]
		}
		gamma[j], fresh[j] = c, int32(len(rows))
	}
	times := make([]int32, m.rows)
	left := m.rows
	var out []int32
	for left > 0 {
		best, bestScore := int32(-1), math.Inf(1)
		for j := range gamma {
			if fresh[j] == 0 {
				continue
			}
			s := gamma[j]
			if s > 0 {
				s /= float64(fresh[j])
			} else {
				s *= float64(fresh[j])
			}
			if s < bestScore {
				best, bestScore = int32(j), s
			}
		}
		if best < 0 {
			return nil // some row has no column: not in a core
		}
		out = append(out, best)
		for _, i := range m.col(best) {
			if times[i]++; times[i] > 1 {
				continue
			}
			left--
			for _, j := range m.row(i) {
				fresh[j]--
				gamma[j] += u[i]
			}
		}
		if most > 0 && len(out) == most {
			return out
		}
	}
	return lean(m, out, times)
}

// lean drops columns whose rows are all covered by others, the dearest first.
func lean(m *matrix, cover []int32, times []int32) []int32 {
	order := slices.Clone(cover)
	slices.SortStableFunc(order, func(a, b int32) int { return compare(m.cost[b], m.cost[a], a, b) })
	gone := map[int32]bool{}
	for _, j := range order {
		needless := true
		for _, i := range m.col(j) {
			if times[i] < 2 {
				needless = false
				break
			}
		}
		if needless {
			gone[j] = true
			for _, i := range m.col(j) {
				times[i]--
			}
		}
	}
	if len(gone) == 0 {
		return cover
	}
	return slices.DeleteFunc(cover, func(j int32) bool { return gone[j] })
}

func costOf(m *matrix, cols []int32) float64 {
	sum := 0.0
	for _, j := range cols {
		sum += m.cost[j]
	}
	return sum
}
