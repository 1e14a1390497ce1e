package demo

import (
	"net/netip"
)

// role is what a host or a managed ENI is for.
type role struct {
	name   string // the value of the ENI's tag Role
	title  string // what people call it
	vpc    string // dmz, core, dbm or biz
	tier   string // the kind of subnet it stands in
	base   int    // how many the smallest account has
	grows  int    // its share of the ENIs asked for beyond that
	made   string // what made a managed ENI: nlb, alb, nat, rds, vpce, lambda, cache; empty: a host
	groups []string
	ports  string // the hosts' ephemeral ports: windows, or empty for Linux
	v6     bool
	public bool // has an Elastic IP
}

// host says whether people log in there: it takes part in the common services.
func (r *role) host() bool { return r.made == "" }

// roles in the order in which their ENIs are made.
var roles = []role{
	{name: "nlb", title: "인터넷뱅킹-NLB", vpc: "dmz", tier: "public", base: 2, made: "nlb", groups: []string{"nlb"}, v6: true, public: true},
	{name: "nat", title: "NAT", vpc: "dmz", tier: "public", base: 1, made: "nat", public: true},
	{name: "web", title: "인터넷뱅킹-WEB", vpc: "dmz", tier: "private", base: 4, grows: 4, groups: []string{"web", "common"}},
	{name: "proxy", title: "포워드프록시", vpc: "dmz", tier: "private", base: 1, groups: []string{"proxy", "common"}, v6: true},
	{name: "eai", title: "대외계-EAI", vpc: "dmz", tier: "public", base: 1, groups: []string{"eai", "common", "legacy-open"}, public: true},

	{name: "alb", title: "업무-ALB", vpc: "core", tier: "app", base: 2, made: "alb", groups: []string{"alb"}},
	{name: "was", title: "수신-WAS", vpc: "core", tier: "app", base: 4, grows: 5, groups: []string{"was", "common", "legacy-any"}},
	{name: "ledger", title: "계정계-원장", vpc: "core", tier: "app", base: 3, grows: 2, groups: []string{"ledger", "common", "legacy-hosts", "migration"}},
	{name: "mq", title: "MQ-브로커", vpc: "core", tier: "app", base: 2, grows: 1, groups: []string{"mq", "common"}},
	{name: "cache", title: "세션-캐시", vpc: "core", tier: "app", base: 1, made: "cache", groups: []string{"cache"}},
	{name: "lambda", title: "알림-함수", vpc: "core", tier: "app", base: 1, made: "lambda", groups: []string{"lambda"}},
	{name: "batch", title: "일괄처리", vpc: "core", tier: "batch", base: 2, grows: 2, groups: []string{"batch", "common"}},
	{name: "endpoint", title: "KMS-엔드포인트", vpc: "core", tier: "endpoint", base: 2, made: "vpce", groups: []string{"endpoint"}},

	{name: "rds-core", title: "계정계-DB", vpc: "dbm", tier: "db", base: 1, made: "rds", groups: []string{"rds-core"}},
	{name: "rds-mgmt", title: "알림-DB", vpc: "dbm", tier: "db", base: 1, made: "rds", groups: []string{"rds-mgmt"}},
	{name: "db2", title: "정보계-DB2", vpc: "dbm", tier: "db", base: 2, grows: 1, groups: []string{"db2", "common", "legacy-dba"}},
	{name: "bastion", title: "접근통제-서버", vpc: "dbm", tier: "mgmt", base: 1, groups: []string{"bastion", "common"}},
	{name: "monitor", title: "통합관제", vpc: "dbm", tier: "mgmt", base: 1, groups: []string{"monitor", "common"}},
	{name: "backup", title: "백업-서버", vpc: "dbm", tier: "mgmt", base: 1, groups: []string{"backup", "common"}},
	{name: "log", title: "로그-수집", vpc: "dbm", tier: "mgmt", base: 1, groups: []string{"log", "common"}},
	{name: "dns", title: "내부-DNS-NTP", vpc: "dbm", tier: "mgmt", base: 2, groups: []string{"dns", "common"}},
	{name: "repo", title: "패치-저장소", vpc: "dbm", tier: "mgmt", base: 1, groups: []string{"repo", "common"}},
	{name: "ad", title: "계정-디렉터리", vpc: "dbm", tier: "mgmt", base: 1, groups: []string{"ad", "common"}, ports: "windows"},

	{name: "biz", title: "계열사-업무", vpc: "biz", tier: "app", base: 2, grows: 3, groups: []string{"biz", "common"}},
}

// roleNamed finds a role.
func roleNamed(name string) *role {
	for i := range roles {
		if roles[i].name == name {
			return &roles[i]
		}
	}
	return nil
}

// zone is a group of addresses outside the account.
type zone struct {
	name    string
	title   string
	allow   string       // what a rule for it is written as: a CIDR, or pl:name
	hosts   []string     // its addresses, where they are few
	pool    netip.Prefix // else its addresses are drawn from here
	size    int          // how many of the pool occur
	grows   bool         // more of them do where more records are asked for
	windows bool
	service string // AWS service that owns the addresses, as pkt_dst_aws_service says
}

var zones = []zone{
	{name: "@internet", title: "인터넷", allow: "0.0.0.0/0", pool: netip.MustParsePrefix("198.18.0.0/15"), size: 1500, grows: true},
	{name: "@internet6", title: "인터넷 IPv6", allow: "::/0", pool: netip.MustParsePrefix("2001:db8:ffff::/64"), size: 300, grows: true},
	{name: "@scanner", title: "스캐너", hosts: []string{
		"192.0.2.7", "192.0.2.23", "192.0.2.41", "192.0.2.66", "192.0.2.90", "192.0.2.113", "192.0.2.140",
		"192.0.2.177", "192.0.2.201", "192.0.2.234", "203.0.113.200", "203.0.113.222"}},
	{name: "@partner", title: "제휴사", allow: "0.0.0.0/0", hosts: []string{
		"203.0.113.20", "203.0.113.21", "203.0.113.34", "203.0.113.47", "203.0.113.58", "203.0.113.61"}},
	{name: "@partner6", title: "제휴사 IPv6", allow: "::/0", hosts: []string{"2001:db8:53::10", "2001:db8:53::11"}},
	{name: "@sftp", title: "카드사 SFTP", allow: "198.51.100.40/31", hosts: []string{"198.51.100.40", "198.51.100.41"}},
	{name: "@branch", title: "영업점", allow: "172.16.0.0/16", pool: netip.MustParsePrefix("172.16.0.0/16"), size: 300, windows: true},
	{name: "@admin", title: "운영자 단말", allow: "172.17.9.0/24", hosts: []string{"172.17.9.11", "172.17.9.12", "172.17.9.14"}, windows: true},
	{name: "@noc", title: "관제센터", allow: "172.16.0.0/12", hosts: []string{"172.17.9.20", "172.17.9.21"}},
	{name: "@mainframe", title: "메인프레임", allow: "172.20.1.0/28", hosts: []string{"172.20.1.10", "172.20.1.11"}},
	{name: "@regulator", title: "감독기관 보고", allow: "172.20.9.30/32", hosts: []string{"172.20.9.30"}},
	{name: "@van", title: "VAN 사업자", allow: "172.20.5.5/32", hosts: []string{"172.20.5.5"}},
	{name: "@odns", title: "사내 DNS", allow: "172.20.0.48/28", hosts: []string{"172.20.0.53", "172.20.0.54"}},
	{name: "@dba", title: "DBA 단말", allow: "leftover", hosts: []string{"172.17.20.5", "172.17.20.9", "172.17.20.14"}, windows: true},
	{name: "@legacy", title: "구 단말", allow: "leftover", hosts: []string{"172.18.4.17", "172.18.4.90", "172.18.7.3", "172.18.9.201"}, windows: true},
	{name: "@s3", title: "S3", allow: "pl:s3", service: "S3", hosts: []string{"52.219.56.10", "52.219.56.77", "52.219.58.5", "52.219.60.21"}},
}

// zoneNamed finds a zone.
func zoneNamed(name string) *zone {
	for i := range zones {
		if zones[i].name == name {
			return &zones[i]
		}
	}
	return nil
}
