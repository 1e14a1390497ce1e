package bytesize

import "testing"

func TestParse(t *testing.T) {
	for s, want := range map[string]int64{"": 0, "4096": 4096, "1kB": 1000, "1K": 1024, "512MiB": 512 << 20, "2GB": 2e9, "1T": 1 << 40} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"0", "-1", "1.5G", "MiB", "1XB", "9999999999999T", "1 G"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%s is taken for %d", s, got)
		}
	}
}
