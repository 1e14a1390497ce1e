package setcover

// matrix is an instance, or what is left of one, row by row and column by column.
type matrix struct {
	rows    int
	cost    []float64
	colAt   []int32 // rows of column j: colRows[colAt[j]:colAt[j+1]]
	colRows []int32
	rowAt   []int32
	rowCols []int32
	orig    []int32 // the instance's columns
	origRow []int32 // the instance's rows
}

func (m *matrix) cols() int           { return len(m.cost) }
func (m *matrix) col(j int32) []int32 { return m.colRows[m.colAt[j]:m.colAt[j+1]] }
func (m *matrix) row(i int32) []int32 { return m.rowCols[m.rowAt[i]:m.rowAt[i+1]] }

// newMatrix takes some columns and the rows that are kept (row to new row, -1:
// not kept). Columns that cover nothing any more are left out.
func newMatrix(from *matrix, cols []int32, keep []int32, rows int) *matrix {
	m := &matrix{rows: rows, colAt: []int32{0}, origRow: make([]int32, rows)}
	for i, n := range keep {
		if n >= 0 {
			m.origRow[n] = from.origRow[i]
		}
	}
	for _, j := range cols {
		for _, i := range from.col(j) {
			if n := keep[i]; n >= 0 {
				m.colRows = append(m.colRows, n)
			}
		}
		if at := int32(len(m.colRows)); at > m.colAt[len(m.colAt)-1] {
			m.colAt = append(m.colAt, at)
			m.cost = append(m.cost, from.cost[j])
			m.orig = append(m.orig, from.orig[j])
		}
	}
	m.index()
	return m
}

// index makes the rows' lists from the columns'.
func (m *matrix) index() {
	m.rowAt = make([]int32, m.rows+1)
	for _, i := range m.colRows {
		m.rowAt[i+1]++
	}
	for i := range m.rows {
		m.rowAt[i+1] += m.rowAt[i]
	}
	at := append([]int32(nil), m.rowAt...)
	m.rowCols = make([]int32, len(m.colRows))
	for j := range m.cost {
		for _, i := range m.col(int32(j)) {
			m.rowCols[at[i]] = int32(j)
			at[i]++
		}
	}
}

// all is the whole instance.
func all(in *Instance) *matrix {
	m := &matrix{rows: in.Rows, colAt: []int32{0}, origRow: make([]int32, in.Rows)}
	for i := range m.origRow {
		m.origRow[i] = int32(i)
	}
	for j, rows := range in.Columns {
		m.colRows = append(m.colRows, rows...)
		m.colAt = append(m.colAt, int32(len(m.colRows)))
		m.cost = append(m.cost, float64(in.Costs[j]))
		m.orig = append(m.orig, int32(j))
	}
	m.index()
	return m
}

// without is what is left when columns are chosen: the rows that they do not
// cover, and the other columns that still cover something.
func (m *matrix) without(chosen []int32) *matrix {
	keep := make([]int32, m.rows)
	gone := make([]bool, m.cols())
	for _, j := range chosen {
		gone[j] = true
		for _, i := range m.col(j) {
			keep[i] = -1
		}
	}
	rows := 0
	for i := range keep {
		if keep[i] == 0 {
			keep[i] = int32(rows)
			rows++
		}
	}
	cols := make([]int32, 0, m.cols())
	for j := range gone {
		if !gone[j] {
			cols = append(cols, int32(j))
		}
	}
	return newMatrix(m, cols, keep, rows)
}

// only is the matrix with some of its columns, all rows kept.
func (m *matrix) only(cols []int32) *matrix {
	keep := make([]int32, m.rows)
	for i := range keep {
		keep[i] = int32(i)
	}
	return newMatrix(m, cols, keep, m.rows)
}
