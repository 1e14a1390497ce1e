package rollup

import (
	"fmt"
	"strings"
	"testing"
)

// A header line that comes again, in another order too, opens no new file; one
// with other fields does.
func TestRepeatedHeadersShareAFile(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "srcaddr dstaddr interface-id\n10.0.0.%d 10.0.1.1 eni-1\n", i)
		fmt.Fprintf(&b, "interface-id dstaddr other srcaddr\neni-1 10.0.1.1 x 10.0.0.%d\n", i)
	}
	b.WriteString("srcaddr dstaddr interface-id srcport\n10.0.0.1 10.0.1.1 eni-1 5\n")
	files := 0
	var at []string
	records, bad, err := readText(strings.NewReader(b.String()), func(fields []string, values [][]byte) error {
		if !sameSlice(fields, at) {
			files++
			at = fields
		}
		for i, f := range fields {
			if v := string(values[i]); f == "srcaddr" && !strings.HasPrefix(v, "10.0.0.") || f == "interface_id" && v != "eni-1" {
				t.Errorf("%s is %s", f, v)
			}
		}
		return nil
	})
	if err != nil || records != 101 || bad != 0 || files != 2 {
		t.Errorf("%d records, %d bad lines, %d files: %v", records, bad, files, err)
	}
}
