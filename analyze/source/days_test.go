package source

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// layouts are the folders of a day in each layout, below a bucket.
func layouts(day time.Time, hour int) map[string]string {
	plain, hive := day.Format("2006/01/02/"), day.Format("year=2006/month=01/day=02/")
	const service = "/aws-service=vpcflowlogs/aws-region=us-east-1/"
	return map[string]string{
		"default":        "AWSLogs/123456789012/vpcflowlogs/us-east-1/" + plain,
		"hourly":         "a/b/AWSLogs/123456789012/vpcflowlogs/us-east-1/" + plain + fmt.Sprintf("%02d/", hour),
		"hive":           "h/AWSLogs/aws-account-id=123456789012" + service + hive,
		"hive, hourly":   "hh/AWSLogs/aws-account-id=123456789012" + service + hive + fmt.Sprintf("hour=%02d/", hour),
		"organisation":   "AWSLogs/o-abc123/123456789012/vpcflowlogs/us-east-1/" + plain,
		"transit":        "t/AWSLogs/aws-account-id=123456789012/service=vpcflowlogs/aws-region=us-east-1/" + hive,
		"of one's own":   "copied/dt=" + day.Format(time.DateOnly) + "/",
		"days alone":     "logs/" + plain,
		"other service":  "AWSLogs/123456789012/CloudTrail/us-east-1/" + plain,
		"hive's other":   "h/AWSLogs/aws-account-id=123456789012/aws-service=route53/aws-region=us-east-1/" + hive,
		"second account": "AWSLogs/210987654321/vpcflowlogs/eu-west-1/" + plain,
	}
}

// Over all layouts, windows and page sizes: what is listed are keys of the
// bucket in their order, none twice, with all of the window's; each key that is
// not lies in a folder that was named as passed over, and no flow log of the
// window lies in one.
func TestListDays(t *testing.T) {
	s, root := openFake(t, "", Options{})
	start := time.Date(2025, 11, 20, 0, 0, 0, 0, time.UTC)
	const days = 120
	for i := range days {
		day := start.AddDate(0, 0, i)
		for _, folder := range layouts(day, i%24) {
			s.Put(folder+fmt.Sprintf("x%d.parquet", i), []byte("x"))
		}
	}
	for _, k := range []string{
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/", "AWSLogs/123456789012/vpcflowlogs/us-east-1/x.parquet",
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/01/loose.parquet", "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/13/01/x.parquet",
		"AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/02/30/x.parquet", "h/AWSLogs/year=2020/x.parquet", "AWSLogs/readme/x.parquet",
	} {
		s.Put(k, []byte("x"))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		first := dayOf(start) + int32(r.IntN(days))
		last := first + int32(r.IntN(40))
		s.PageSize = []int{3, 17, 1000}[n%3]
		b := root
		if place := []string{"", "AWSLogs", "AWSLogs/123456789012/vpcflowlogs/us-east-1", "h", "h/AWSLogs/aws-account-id=123456789012"}[n%5]; place != "" {
			var err error
			if b, err = Open(context.Background(), "s3://logs/"+place, Options{Config: s.Config(), Wait: noWait}); err != nil {
				t.Fatal(err)
			}
		}
		checkListed(t, b, s.Keys(), first, last)
	}
}

func checkListed(t *testing.T, b Bucket, all []string, first, last int32) {
	t.Helper()
	var listed []string
	var passed []string
	err := ListDays(context.Background(), b, first, last, func(o Object) error {
		listed = append(listed, b.Name(o.Key))
		return nil
	}, func(p Passed) {
		if (p.Period == "") == (p.Service == "") {
			t.Errorf("passed over for no one reason: %+v", p)
		}
		passed = append(passed, p.Name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(listed) || len(slices.Compact(slices.Clone(listed))) != len(listed) {
		t.Errorf("%s: not in order, or twice", b.URI())
	}
	for _, key := range all {
		name := "s3://logs/" + key
		if !strings.HasPrefix(name, b.Name("")) {
			continue
		}
		under := slices.ContainsFunc(passed, func(p string) bool { return strings.HasPrefix(name, p) })
		_, isListed := slices.BinarySearch(listed, name)
		if under == isListed {
			t.Errorf("%s, days %d to %d: %s listed: %v, passed over: %v", b.Name(""), first, last, key, isListed, under)
		}
		if k := ParseKey(key); k.Reason == "" && k.Day >= first && k.Day <= last && !isListed {
			t.Errorf("days %d to %d: %s is missing", first, last, key)
		}
	}
}

// A window of some days in years of logs costs the requests of those days.
func TestListDaysAsksForLittle(t *testing.T) {
	s, b := openFake(t, "", Options{})
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 2000 {
		for j := range 3 {
			s.Put(layouts(start.AddDate(0, 0, i), 0)["default"]+fmt.Sprintf("%d.parquet", j), []byte("x"))
		}
	}
	s.PageSize = 100
	from := dayOf(time.Date(2024, 3, 28, 0, 0, 0, 0, time.UTC))
	listed, passed := 0, 0
	err := ListDays(context.Background(), b, from, from+9, func(Object) error { listed++; return nil }, func(Passed) { passed++ })
	if err != nil {
		t.Fatal(err)
	}
	// Five folders down, the year's months, two months' days, and a listing in each.
	if _, requests := s.Sent(); requests > 12 || listed != 30 || passed == 0 {
		t.Errorf("%d requests for %d objects, %d folders passed over", requests, listed, passed)
	}
}
