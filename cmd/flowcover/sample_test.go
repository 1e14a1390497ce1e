package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/flowcover/flowcover/cmd/internal/config"
)

const sampleFile = "../../docs/flowcover.sample.yaml"

// TestSampleConfiguration: the sample reads as it is, and with its examples
// taken in it has every key there is, and no other.
func TestSampleConfiguration(t *testing.T) {
	data, err := os.ReadFile(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	keys := newApp().Keys()
	if _, err := config.Parse(sampleFile, data, keys); err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`(?m)^( *)#([a-z][a-z0-9-]*:)`).ReplaceAll(data, []byte("$1$2"))
	values, err := config.Parse(sampleFile, whole, keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if values[k.Name] == nil {
			t.Errorf("the sample lacks the key %s", k.Name)
		}
	}
}
