package source

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// Format is how an object's records are written, as its name says.
type Format string

// The formats.
const (
	Parquet Format = "parquet"
	Text    Format = "text"
	TextGz  Format = "text.gz"
)

// Undated is the Day of a partition whose objects' keys name no day.
const Undated int32 = -1 << 31

// Partition is what an object's key says of its records. Empty fields: the key
// does not say. Partitions are comparable.
type Partition struct {
	Account string
	Region  string
	FlowLog string // the flow log's id, fl-...
	Day     int32  // UTC days since 1970-01-01, or Undated
}

// Compare orders partitions by day, account, region and flow log.
func (p Partition) Compare(q Partition) int {
	if p.Day != q.Day {
		if p.Day < q.Day {
			return -1
		}
		return 1
	}
	if c := strings.Compare(p.Account, q.Account); c != 0 {
		return c
	}
	if c := strings.Compare(p.Region, q.Region); c != 0 {
		return c
	}
	return strings.Compare(p.FlowLog, q.FlowLog)
}

// DayString is the partition's day as 2006-01-02, or "undated".
func (p Partition) DayString() string {
	if p.Day == Undated {
		return "undated"
	}
	return time.Unix(int64(p.Day)*86400, 0).UTC().Format(time.DateOnly)
}

// Key is what an object's key tells: the partition and the format, or why it
// is no flow log.
type Key struct {
	Partition
	Format Format
	// Reason says in words why the object is not a flow log; empty if it is one.
	Reason string
}

// Layouts names the key layouts that ParseKey knows, for messages.
const Layouts = `AWSLogs/ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/[HH/], ` +
	`AWSLogs/aws-account-id=ACCOUNT/aws-service=vpcflowlogs/aws-region=REGION/year=YYYY/month=MM/day=DD/[hour=HH/], ` +
	`AWSLogs/ORGANIZATION/ACCOUNT/vpcflowlogs/..., with objects that end in .log.parquet, .parquet, .log.gz or .log`

// ParseKey reads an object's key. It knows the layouts of [Layouts] under any
// prefix, and the names of flow log files by themselves. Where folder and file
// name differ the folder counts.
func ParseKey(key string) Key {
	k := Key{Partition: Partition{Day: Undated}}
	k.Format, k.Reason = formatOf(key)
	if k.Reason != "" {
		return k
	}
	parts := strings.Split(key, "/")
	dirs, name := parts[:len(parts)-1], parts[len(parts)-1]
	service := k.fromName(name)
	if s := k.fromHive(dirs); s != "" {
		service = s
	}
	if s := k.fromFolders(dirs); s != "" {
		service = s
	}
	if service != "" && service != flowLogService {
		return Key{Partition: Partition{Day: Undated}, Reason: "a log of another service: " + service}
	}
	return k
}

const flowLogService = "vpcflowlogs"

func formatOf(key string) (Format, string) {
	base := path.Base(key)
	lower := strings.ToLower(base)
	switch {
	case strings.HasSuffix(key, "/"):
		return "", "a folder marker"
	case strings.HasPrefix(base, "."), strings.HasPrefix(base, "_"):
		return "", "a hidden file"
	case strings.HasSuffix(lower, ".parquet"), strings.HasSuffix(lower, ".parquet.gz"):
		return Parquet, ""
	case strings.HasSuffix(lower, ".log.gz"):
		return TextGz, ""
	case strings.HasSuffix(lower, ".log"):
		return Text, ""
	}
	return "", "its name ends in none of .parquet, .parquet.gz, .log.gz, .log"
}

// fromName reads ACCOUNT_vpcflowlogs_REGION_FLOWLOG_YYYYMMDDTHHMMZ_HASH.log.gz
// and returns the service named in it.
func (k *Key) fromName(name string) string {
	f := strings.Split(name, "_")
	if len(f) < 5 || !isAccount(f[0]) {
		return ""
	}
	for i, s := range f[2:] {
		if day, ok := stampDay(s); ok {
			k.Day = day
			if i >= 2 && strings.HasPrefix(f[i+1], "fl-") {
				k.FlowLog = f[i+1]
			}
			break
		}
	}
	k.Account, k.Region = f[0], f[2]
	return f[1]
}

func stampDay(s string) (int32, bool) {
	t, err := time.Parse("20060102T1504Z", s)
	if err != nil {
		return 0, false
	}
	return dayOf(t), true
}

func (k *Key) fromHive(dirs []string) (service string) {
	var y, m, d string
	for _, dir := range dirs {
		name, value, ok := strings.Cut(dir, "=")
		if !ok {
			continue
		}
		switch name {
		case "aws-account-id":
			k.Account = value
		case "aws-service", "service":
			service = value
		case "aws-region":
			k.Region = value
		case "year":
			y = value
		case "month":
			m = value
		case "day":
			d = value
		}
	}
	if day, ok := parseDay(y, m, d); ok {
		k.Day = day
	}
	return service
}

func (k *Key) fromFolders(dirs []string) (service string) {
	rest := dirs
	for i, dir := range dirs {
		if dir == flowLogService {
			service = dir
			if i > 0 && isAccount(dirs[i-1]) {
				k.Account = dirs[i-1]
			}
			rest = dirs[i+1:]
			if len(rest) > 0 && rest[0] != "" && !isDigits(rest[0]) {
				k.Region = rest[0]
			}
			break
		}
		// AWSLogs/ACCOUNT/elasticloadbalancing/... and its like.
		if i >= 1 && i+1 < len(dirs) && isAccount(dir) && service == "" && underAWSLogs(dirs[:i]) && !isDigits(dirs[i+1]) {
			service = dirs[i+1]
		}
	}
	for i := 0; i+3 <= len(rest); i++ {
		if len(rest[i]) != 4 {
			continue
		}
		if day, ok := parseDay(rest[i], rest[i+1], rest[i+2]); ok {
			k.Day = day
			break
		}
	}
	return service
}

func underAWSLogs(dirs []string) bool {
	n := len(dirs)
	return dirs[n-1] == "AWSLogs" || n >= 2 && dirs[n-2] == "AWSLogs"
}

func parseDay(y, m, d string) (int32, bool) {
	if !isDigits(y) || !isDigits(m) || !isDigits(d) || len(y) != 4 || len(m) > 2 || len(d) > 2 {
		return 0, false
	}
	yy, _ := strconv.Atoi(y)
	mm, _ := strconv.Atoi(m)
	dd, _ := strconv.Atoi(d)
	t := time.Date(yy, time.Month(mm), dd, 0, 0, 0, 0, time.UTC)
	if t.Year() != yy || int(t.Month()) != mm || t.Day() != dd {
		return 0, false
	}
	return dayOf(t), true
}

func dayOf(t time.Time) int32 {
	s := t.Unix()
	if s < 0 {
		s -= 86399
	}
	return int32(s / 86400)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isAccount(s string) bool { return len(s) == 12 && isDigits(s) }

// CanonicalKey is the part of a key that does not depend on where a bucket was
// opened or copied to: from its last AWSLogs folder on, if it has one.
func CanonicalKey(key string) string {
	if i := strings.LastIndex("/"+key, "/AWSLogs/"); i >= 0 {
		return key[i:]
	}
	return key
}
