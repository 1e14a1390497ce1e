package setcover

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Instance is a set covering problem. Rows and columns count from 0.
type Instance struct {
	Rows int
	// Costs of the columns, none negative.
	Costs []int64
	// Columns lists, for each column, the rows that it covers.
	Columns [][]int32
}

// ErrInfeasible: no column covers some row.
var ErrInfeasible = errors.New("no column covers a row")

const (
	maxSize = 1 << 24 // rows, or columns, of an instance that is read
	maxCost = 1 << 32
)

// Validate says what is wrong with an instance, if anything.
func (in *Instance) Validate() error {
	if in.Rows < 0 || len(in.Costs) != len(in.Columns) {
		return fmt.Errorf("set cover: %d rows, %d costs, %d columns: want no fewer than 0 rows and a cost for each column", in.Rows, len(in.Costs), len(in.Columns))
	}
	seen := make([]bool, in.Rows)
	for j, rows := range in.Columns {
		if in.Costs[j] < 0 || in.Costs[j] > maxCost {
			return fmt.Errorf("set cover: column %d costs %d: want 0 to %d", j, in.Costs[j], int64(maxCost))
		}
		for _, i := range rows {
			if i < 0 || int(i) >= in.Rows {
				return fmt.Errorf("set cover: column %d covers row %d: want 0 to %d", j, i, in.Rows-1)
			}
			seen[i] = true
		}
	}
	if i := slices.Index(seen, false); i >= 0 {
		return fmt.Errorf("set cover: row %d: %w", i, ErrInfeasible)
	}
	return nil
}

// ParseORLibrary reads the OR-Library's general format: the numbers of rows and
// of columns, the cost of each column, then for each row the number of columns
// that cover it and those columns, counted from 1.
func ParseORLibrary(r io.Reader) (*Instance, error) {
	p, in, cols, err := header(r)
	if err != nil {
		return nil, err
	}
	for j := range cols {
		if err := p.cost(in, j); err != nil {
			return nil, err
		}
	}
	in.Columns = make([][]int32, cols)
	for i := range in.Rows {
		n, err := p.number(fmt.Sprintf("columns of row %d", i+1), 0, int64(len(in.Costs)))
		if err != nil {
			return nil, err
		}
		for range n {
			j, err := p.number(fmt.Sprintf("column of row %d", i+1), 1, int64(len(in.Costs)))
			if err != nil {
				return nil, err
			}
			in.Columns[j-1] = append(in.Columns[j-1], int32(i))
		}
	}
	return p.finish(in)
}

// ParseRail reads the OR-Library's rail format: the numbers of rows and of
// columns, then for each column its cost, the number of rows that it covers and
// those rows, counted from 1.
func ParseRail(r io.Reader) (*Instance, error) {
	p, in, cols, err := header(r)
	if err != nil {
		return nil, err
	}
	for j := range cols {
		if err := p.cost(in, j); err != nil {
			return nil, err
		}
		n, err := p.number(fmt.Sprintf("rows of column %d", j+1), 0, int64(in.Rows))
		if err != nil {
			return nil, err
		}
		var rows []int32
		for range n {
			i, err := p.number(fmt.Sprintf("row of column %d", j+1), 1, int64(in.Rows))
			if err != nil {
				return nil, err
			}
			rows = append(rows, int32(i-1))
		}
		in.Columns = append(in.Columns, rows)
	}
	return p.finish(in)
}

type parser struct{ words *bufio.Scanner }

func header(r io.Reader) (p *parser, in *Instance, cols int, err error) {
	p = &parser{bufio.NewScanner(r)}
	p.words.Split(bufio.ScanWords)
	rows, err := p.number("number of rows", 0, maxSize)
	if err != nil {
		return nil, nil, 0, err
	}
	n, err := p.number("number of columns", 0, maxSize)
	if err != nil {
		return nil, nil, 0, err
	}
	return p, &Instance{Rows: int(rows)}, int(n), nil
}

func (p *parser) cost(in *Instance, j int) error {
	c, err := p.number(fmt.Sprintf("cost of column %d", j+1), 0, maxCost)
	in.Costs = append(in.Costs, c)
	return err
}

// number reads the next one and says what it was to be if it is not that.
func (p *parser) number(what string, least, most int64) (int64, error) {
	if !p.words.Scan() {
		if err := p.words.Err(); err != nil {
			return 0, fmt.Errorf("set cover: %s: %w", what, err)
		}
		return 0, fmt.Errorf("set cover: %s: the file ends before it", what)
	}
	n, err := strconv.ParseInt(p.words.Text(), 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("set cover: %s: %q: want a whole number from %d to %d", what, p.words.Text(), least, most)
	}
	return n, nil
}

func (p *parser) finish(in *Instance) (*Instance, error) {
	if p.words.Scan() {
		return nil, fmt.Errorf("set cover: %q after the last number: want the end of the file", p.words.Text())
	}
	if err := p.words.Err(); err != nil {
		return nil, fmt.Errorf("set cover: %w", err)
	}
	for j := range in.Columns {
		slices.Sort(in.Columns[j])
		in.Columns[j] = slices.Compact(in.Columns[j])
	}
	return in, nil
}
