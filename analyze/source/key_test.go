package source

import (
	"strings"
	"testing"
	"time"
)

func day(t testing.TB, s string) int32 {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return int32(d.Unix() / 86400)
}

func TestParseKey(t *testing.T) {
	const file = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456"
	whole := Partition{"123456789012", "us-east-1", "fl-1234abcd", day(t, "2018-06-20")}
	for key, want := range map[string]Key{
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/" + file + ".log.gz":                                                                 {whole, TextGz, ""},
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/16/" + file + ".log.parquet":                                                         {whole, Parquet, ""},
		"my/prefix/AWSLogs/o-abc123/123456789012/vpcflowlogs/us-east-1/2018/06/20/" + file + ".log":                                                 {whole, Text, ""},
		"p/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20/" + file + ".log.parquet":     {whole, Parquet, ""},
		"p/AWSLogs/aws-account-id=123456789012/service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20/hour=16/" + file + ".log.parquet": {whole, Parquet, ""},
		file + ".log.parquet.gz":     {whole, Parquet, ""},
		"copied/" + file + ".LOG.GZ": {whole, TextGz, ""},
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/x.parquet": {Partition{"123456789012", "us-east-1", "", whole.Day}, Parquet, ""},
		// The folder's day counts, the file's flow log.
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/21/" + file + ".log.gz": {Partition{"123456789012", "us-east-1", "fl-1234abcd", whole.Day + 1}, TextGz, ""},
		"logs/2018/06/20/part-0.parquet":                                            {Partition{Day: whole.Day}, Parquet, ""},
		"year=2018/month=6/day=20/part-0.parquet":                                   {Partition{Day: whole.Day}, Parquet, ""},
		"flows.parquet":        {Partition{Day: Undated}, Parquet, ""},
		"2018/13/20/flows.log": {Partition{Day: Undated}, Text, ""},
		"2018/02/30/flows.log": {Partition{Day: Undated}, Text, ""},
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/x.parquet": {Partition{"123456789012", "us-east-1", "", Undated}, Parquet, ""},
	} {
		if got := ParseKey(key); got != want {
			t.Errorf("%s:\n got  %+v\n want %+v", key, got, want)
		}
	}
	for key, reason := range map[string]string{
		"AWSLogs/123456789012/elasticloadbalancing/us-east-1/2018/06/20/x.log.gz":                                      "elasticloadbalancing",
		"AWSLogs/123456789012/CloudTrail/us-east-1/2018/06/20/x.log.gz":                                                "CloudTrail",
		"AWSLogs/aws-account-id=123456789012/aws-service=route53/aws-region=r/year=2018/month=06/day=20/x.log.parquet": "route53",
		"123456789012_elasticloadbalancing_us-east-1_app.x_20180620T1620Z_1.2.3.4_x.log.gz":                            "elasticloadbalancing",
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/":                                                       "folder",
		"a/.DS_Store": "hidden", "_SUCCESS": "hidden", "a/b.json.gz": "ends in none", "": "",
	} {
		got := ParseKey(key)
		if got.Reason == "" || !strings.Contains(got.Reason, reason) || got.Day != Undated {
			t.Errorf("%q: %+v", key, got)
		}
	}
}

func TestCanonicalKey(t *testing.T) {
	for key, want := range map[string]string{
		"a/b/AWSLogs/1/x": "AWSLogs/1/x", "AWSLogs/1/x": "AWSLogs/1/x", "flat.parquet": "flat.parquet",
		"AWSLogs/AWSLogs/x": "AWSLogs/x", "MyAWSLogs/x": "MyAWSLogs/x",
	} {
		if got := CanonicalKey(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1_20180620T1620Z_h.log.gz")
	f.Add("AWSLogs/aws-account-id=1/service=vpcflowlogs/aws-region=r/year=2018/month=6/day=2/hour=3/x.log.parquet")
	f.Add("___/=/////.log")
	f.Fuzz(func(t *testing.T, key string) {
		k := ParseKey(key)
		if (k.Reason == "") == (k.Format == "") {
			t.Fatalf("%q: format %q, reason %q", key, k.Format, k.Reason)
		}
		if k.Day != Undated {
			if s := k.DayString(); len(s) != 10 {
				t.Fatalf("%q: day %s", key, s)
			}
		}
		if !strings.HasSuffix(key, CanonicalKey(key)) {
			t.Fatalf("%q: canonical %q", key, CanonicalKey(key))
		}
	})
}
