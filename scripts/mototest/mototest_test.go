package mototest

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestServerAnswersAndStops(t *testing.T) {
	var url string
	t.Run("up", func(t *testing.T) {
		s := Start(t)
		url = s.URL
		who, err := sts.NewFromConfig(s.Config("ap-northeast-2")).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if *who.Account != Account {
			t.Errorf("account %s, want %s", *who.Account, Account)
		}
		client := ec2.NewFromConfig(s.Config("ap-northeast-2"))
		if _, err := client.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new("10.9.0.0/16")}); err != nil {
			t.Fatal(err)
		}
		before, err := client.DescribeVpcs(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Reset(t)
		after, err := client.DescribeVpcs(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(after.Vpcs) != len(before.Vpcs)-1 {
			t.Errorf("%d VPCs before the reset, %d after; want one less", len(before.Vpcs), len(after.Vpcs))
		}
	})
	resp, err := http.Get(url)
	if err == nil {
		_ = resp.Body.Close()
		t.Errorf("%s still answers after the test that started it", url)
	}
}

func TestEnvReplacesAWSSettings(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	env := (&Server{URL: "http://127.0.0.1:1"}).Env()
	seen := map[string]int{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		seen[name]++
		if name == "AWS_PROFILE" || value == "production" {
			t.Errorf("%s is passed on", kv)
		}
	}
	if seen["AWS_ENDPOINT_URL"] != 1 || seen["AWS_ACCESS_KEY_ID"] != 1 {
		t.Errorf("endpoint set %d times, key %d times; want once each", seen["AWS_ENDPOINT_URL"], seen["AWS_ACCESS_KEY_ID"])
	}
}

func TestFind(t *testing.T) {
	none := func(string) (string, error) { return "", exec.ErrNotFound }
	env := func(m map[string]string) func(string) string { return func(k string) string { return m[k] } }
	cached := filepath.Join("/c", "flowcover", "moto-"+Version, "bin", "moto_server")

	got, err := find(env(map[string]string{"XDG_CACHE_HOME": "/c"}), none, func(p string) bool { return p == cached })
	if err != nil || got != cached {
		t.Errorf("cache: %q, %v", got, err)
	}
	got, err = find(env(nil), func(string) (string, error) { return "/bin/m", nil }, func(string) bool { return false })
	if err != nil || got != "/bin/m" {
		t.Errorf("PATH: %q, %v", got, err)
	}
	_, err = find(env(map[string]string{"HOME": "/h"}), none, func(string) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "python3-venv") || !strings.Contains(err.Error(), "moto[server]=="+Version) {
		t.Errorf("nothing found: %v; want what to install", err)
	}
	_, err = find(env(map[string]string{"FLOWCOVER_MOTO_SERVER": "/none"}), none, func(string) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "FLOWCOVER_MOTO_SERVER") {
		t.Errorf("bad variable: %v; want it named", err)
	}
}

// A server that cannot start is an error with what it printed.
func TestLaunchSaysWhyItFailed(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "moto_server")
	if err := os.WriteFile(bad, []byte("#!/bin/sh\necho no module named moto >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := launch(t.Context(), bad)
	if err == nil || !strings.Contains(err.Error(), "no module named moto") {
		t.Errorf("error %v; want the process's own words", err)
	}
}

// The version stands in two files, which must agree.
func TestPinnedVersion(t *testing.T) {
	script, err := os.ReadFile("install")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^moto=(\S+)`).FindSubmatch(script)
	if m == nil || string(m[1]) != Version {
		t.Errorf("install pins %q, Version is %q", m, Version)
	}
}
