package demo

import "github.com/flowcover/flowcover/topology/netset"

// Kind says what becomes of a pair's connections.
type Kind string

// The kinds. Legit: opened, admitted and answered. OneWay: admitted and never
// answered by design (syslog). Demand: refused, and somebody wants it. Scan:
// refused, nobody wants it. Probe: admitted by a wide rule and unanswered.
// NoReply: admitted, the reply refused by a network ACL.
const (
	Legit   Kind = "legit"
	OneWay  Kind = "one-way"
	Demand  Kind = "demand"
	Scan    Kind = "scan"
	Probe   Kind = "probe"
	NoReply Kind = "no-reply"
)

// call says that everything of role or zone from opens connections to
// everything of role or zone to.
type call struct {
	name     string // the service's name, for people
	from, to string // a role, a @zone, or * for every host
	proto    netset.Protocol
	port     int
	portTo   int // where the target's port varies (active FTP): port to portTo
	sport    int // a fixed source port; 0: ephemeral
	when     schedule
	fan      int // each opener talks to at most so many targets; 0: to four
	kind     Kind
	group    string // the target's SG that admits it; empty: its first one
}

// Rates are connections an hour at the busiest time, before scaling. The
// table is the bank's communication matrix: its rules and its traffic both
// follow from it.
var calls = []call{
	// Customers and branches.
	{name: "인터넷뱅킹", from: "@internet", to: "nlb", proto: netset.TCP, port: 443, when: schedule{shape: customers, rate: 90, seconds: 25, up: 4e3, down: 60e3}},
	{name: "인터넷뱅킹 IPv6", from: "@internet6", to: "nlb", proto: netset.TCP, port: 443, when: schedule{shape: customers, rate: 18, seconds: 25, up: 4e3, down: 60e3}},
	{name: "웹 서버", from: "nlb", to: "web", proto: netset.TCP, port: 8443, when: schedule{shape: customers, rate: 26, seconds: 20, up: 4e3, down: 60e3}},
	{name: "업무 API", from: "web", to: "alb", proto: netset.TCP, port: 443, when: schedule{shape: customers, rate: 12, seconds: 12, up: 3e3, down: 20e3}},
	{name: "영업점 단말", from: "@branch", to: "alb", proto: netset.TCP, port: 443, when: schedule{shape: office, rate: 40, seconds: 240, up: 9e3, down: 90e3}},
	{name: "수신 업무", from: "alb", to: "was", proto: netset.TCP, port: 8080, when: schedule{shape: office, rate: 22, seconds: 15, up: 3e3, down: 20e3}},
	{name: "계열사 화면", from: "@branch", to: "biz", proto: netset.TCP, port: 8080, when: schedule{shape: office, rate: 10, seconds: 60, up: 3e3, down: 20e3}},

	// The core.
	{name: "원장 거래", from: "was", to: "ledger", proto: netset.TCP, port: 44100, when: schedule{shape: office, rate: 10, seconds: 6, up: 2e3, down: 5e3}},
	{name: "세션 캐시", from: "was", to: "cache", proto: netset.TCP, port: 6379, when: schedule{shape: office, rate: 9, seconds: 300, up: 3e3, down: 9e3}},
	{name: "메시지 큐", from: "was", to: "mq", proto: netset.TCP, port: 61616, when: schedule{shape: office, rate: 5, seconds: 120, up: 8e3, down: 2e3}},
	{name: "계정계 DB 풀", from: "was", to: "rds-core", proto: netset.TCP, port: 1521, when: schedule{shape: pool, rate: 2, lifeHours: 59, up: 2e3, down: 6e3}},
	{name: "키 관리", from: "was", to: "endpoint", proto: netset.TCP, port: 443, when: schedule{shape: office, rate: 3, seconds: 5, up: 2e3, down: 5e3}},
	{name: "문서 보관", from: "was", to: "@s3", proto: netset.TCP, port: 443, when: schedule{shape: office, rate: 3, seconds: 9, up: 300e3, down: 6e3}},
	{name: "외부 연계 프록시", from: "was", to: "proxy", proto: netset.TCP, port: 3128, when: schedule{shape: office, rate: 3, seconds: 10, up: 3e3, down: 9e3}},
	{name: "제휴사 API", from: "proxy", to: "@partner", proto: netset.TCP, port: 443, fan: 6, when: schedule{shape: office, rate: 7, seconds: 10, up: 3e3, down: 9e3}},
	{name: "제휴사 API IPv6", from: "proxy", to: "@partner6", proto: netset.TCP, port: 443, when: schedule{shape: office, rate: 3, seconds: 10, up: 3e3, down: 9e3}},
	{name: "원장 DB", from: "ledger", to: "db2", proto: netset.TCP, port: 50000, when: schedule{shape: persistent, rate: 2, up: 5e3, down: 30e3}},
	{name: "원장 계정계 DB", from: "ledger", to: "rds-core", proto: netset.TCP, port: 1521, when: schedule{shape: persistent, rate: 2, up: 5e3, down: 30e3}},
	{name: "원장 동기화", from: "ledger", to: "ledger", proto: netset.TCP, port: 47001, when: schedule{shape: steady, rate: 2, seconds: 40, up: 9e3, down: 9e3}},
	{name: "원장 큐", from: "ledger", to: "mq", proto: netset.TCP, port: 61616, when: schedule{shape: steady, rate: 2, seconds: 90, up: 9e3, down: 3e3}},
	{name: "메인프레임 연계", from: "ledger", to: "@mainframe", proto: netset.TCP, port: 3270, when: schedule{shape: office, rate: 3, seconds: 45, up: 2e3, down: 4e3}},
	{name: "큐 복제", from: "mq", to: "mq", proto: netset.TCP, port: 1414, sport: 1414, when: schedule{shape: steady, rate: 0.3, seconds: 900, up: 9e4, down: 9e4}},
	{name: "알림 DB", from: "lambda", to: "rds-mgmt", proto: netset.TCP, port: 5432, when: schedule{shape: steady, rate: 4, seconds: 3, up: 2e3, down: 6e3}},
	{name: "알림 키", from: "lambda", to: "endpoint", proto: netset.TCP, port: 443, when: schedule{shape: steady, rate: 2, seconds: 3, up: 2e3, down: 6e3}},
	{name: "계열사 계정계", from: "biz", to: "rds-core", proto: netset.TCP, port: 1521, when: schedule{shape: office, rate: 5, seconds: 60, up: 2e3, down: 6e3}},
	{name: "계열사 큐", from: "biz", to: "mq", proto: netset.TCP, port: 61616, when: schedule{shape: office, rate: 3, seconds: 60, up: 2e3, down: 6e3}},
	{name: "DB2 이중화", from: "db2", to: "db2", proto: netset.TCP, port: 51000, when: schedule{shape: persistent, rate: 6, up: 90e3, down: 3e3}},

	// Batch.
	{name: "일 마감", from: "batch", to: "rds-core", proto: netset.TCP, port: 1521, when: schedule{shape: daily, hour: 1, rate: 6, seconds: 1500, up: 90e3, down: 9e6}},
	{name: "정보계 적재", from: "batch", to: "db2", proto: netset.TCP, port: 50000, when: schedule{shape: daily, hour: 8, rate: 4, seconds: 5400, up: 9e6, down: 90e3}},
	{name: "원장 백업 적재", from: "batch", to: "@s3", proto: netset.TCP, port: 443, when: schedule{shape: daily, hour: 3, rate: 8, seconds: 600, up: 90e6, down: 90e3}},
	{name: "월 마감", from: "batch", to: "ledger", proto: netset.TCP, port: 44900, when: schedule{shape: monthEnd, hour: 22, rate: 5, seconds: 2400, up: 9e6, down: 9e6}},
	{name: "분기 보고", from: "batch", to: "@regulator", proto: netset.TCP, port: 9443, when: schedule{shape: quarterEnd, hour: 20, rate: 3, seconds: 600, up: 9e6, down: 90e3}},
	{name: "전문 교환", from: "batch", to: "eai", proto: netset.TCP, port: 21, when: schedule{shape: daily, hour: 6, rate: 3, seconds: 400, up: 900, down: 900}},
	{name: "전문 교환 자료", from: "eai", to: "batch", proto: netset.TCP, port: 40000, portTo: 40019, sport: 20, when: schedule{shape: daily, hour: 6, rate: 12, seconds: 30, up: 9e5, down: 2e3}},
	{name: "카드사 SFTP", from: "@sftp", to: "eai", proto: netset.TCP, port: 2222, when: schedule{shape: office, rate: 2, seconds: 60, up: 9e5, down: 4e3}},
	{name: "VAN 암호화", from: "eai", to: "@van", proto: 50, when: schedule{shape: steady, rate: 2, seconds: 400, up: 9e4, down: 9e4}},

	// Services that every host uses.
	{name: "이름 풀이", from: "*", to: "dns", proto: netset.UDP, port: 53, fan: 2, when: schedule{shape: steady, rate: 3, seconds: 1, up: 80, down: 200}},
	{name: "이름 풀이 TCP", from: "*", to: "dns", proto: netset.TCP, port: 53, fan: 1, when: schedule{shape: occasional, rate: 0.03, seconds: 2, up: 200, down: 3e3}},
	{name: "시각 동기", from: "*", to: "dns", proto: netset.UDP, port: 123, sport: 123, fan: 2, when: schedule{shape: steady, rate: 0.2, seconds: 1, up: 76, down: 76}},
	{name: "로그 전송", from: "*", to: "log", proto: netset.TCP, port: 6514, when: schedule{shape: persistent, rate: 0.7, up: 90e3, down: 900}},
	{name: "로그 UDP", from: "web", to: "log", proto: netset.UDP, port: 514, sport: 514, when: schedule{shape: steady, rate: 0.5, seconds: 30, up: 9e3}, kind: OneWay},
	{name: "패치", from: "*", to: "repo", proto: netset.TCP, port: 443, when: schedule{shape: weekly, weekday: 3, hour: 2, rate: 3, seconds: 300, up: 9e3, down: 90e6}},
	{name: "디렉터리", from: "*", to: "ad", proto: netset.TCP, port: 636, when: schedule{shape: office, rate: 0.4, seconds: 30, up: 3e3, down: 6e3}},
	{name: "인증", from: "bastion", to: "ad", proto: netset.UDP, port: 88, when: schedule{shape: office, rate: 1, seconds: 1, up: 900, down: 1200}},
	{name: "에이전트 조회", from: "monitor", to: "*", proto: netset.TCP, port: 10050, fan: 1 << 20, group: "common", when: schedule{shape: steady, rate: 0.5, seconds: 2, up: 400, down: 900}},
	{name: "생존 확인", from: "monitor", to: "*", proto: netset.ICMP, port: 8, fan: 1 << 20, group: "common", when: schedule{shape: steady, rate: 0.4, seconds: 4, up: 336, down: 336}},
	{name: "에이전트 보고", from: "*", to: "monitor", proto: netset.TCP, port: 10051, when: schedule{shape: steady, rate: 0.5, seconds: 2, up: 3e3, down: 400}},
	{name: "서버 접속", from: "bastion", to: "*", proto: netset.TCP, port: 22, fan: 1 << 20, group: "common", when: schedule{shape: occasional, rate: 0.08, seconds: 1200, up: 9e3, down: 90e3}},
	{name: "운영자 접속", from: "@admin", to: "bastion", proto: netset.TCP, port: 22, when: schedule{shape: office, rate: 1, seconds: 2700, up: 9e3, down: 90e3}},
	{name: "주간 백업", from: "backup", to: "db2", proto: netset.TCP, port: 13782, when: schedule{shape: weekly, weekday: 0, hour: 2, rate: 4, seconds: 9000, up: 9e4, down: 900e6}},
	{name: "주간 백업", from: "backup", to: "ledger", proto: netset.TCP, port: 13782, when: schedule{shape: weekly, weekday: 0, hour: 4, rate: 2, seconds: 5000, up: 9e4, down: 900e6}},
	{name: "사내 DNS", from: "dns", to: "@odns", proto: netset.UDP, port: 53, sport: 53, when: schedule{shape: steady, rate: 3, seconds: 1, up: 80, down: 200}},

	// What the leftover rules still carry.
	{name: "DBA 조회", from: "@dba", to: "db2", proto: netset.TCP, port: 50000, group: "legacy-dba", when: schedule{shape: occasional, rate: 0.1, seconds: 900, up: 9e3, down: 9e5}},
	{name: "구 단말 전문", from: "@legacy", to: "ledger", proto: netset.TCP, port: 8583, group: "legacy-hosts", when: schedule{shape: stale, rate: 0.3, seconds: 20, up: 2e3, down: 2e3}},

	// What is refused, unanswered or nobody's wish.
	{name: "알림 DB 요구", from: "web", to: "rds-mgmt", proto: netset.TCP, port: 5432, kind: Demand, when: schedule{shape: office, rate: 0.4, seconds: 7}},
	{name: "WAS 직접 접속 요구", from: "@noc", to: "ledger", proto: netset.TCP, port: 44100, kind: Demand, when: schedule{shape: office, rate: 0.2, seconds: 7}},
	{name: "캐시 요구", from: "batch", to: "cache", proto: netset.TCP, port: 6379, kind: Demand, when: schedule{shape: daily, hour: 1, rate: 2, seconds: 7}},
	{name: "SNMP", from: "@noc", to: "monitor", proto: netset.UDP, port: 161, kind: NoReply, when: schedule{shape: steady, rate: 0.5, seconds: 2, up: 90, down: 90}},
	{name: "관제 핑", from: "@noc", to: "bastion", proto: netset.ICMP, port: 8, kind: NoReply, when: schedule{shape: steady, rate: 0.3, seconds: 4, up: 336, down: 336}},
	{name: "SSH 탐색", from: "@scanner", to: "eai", proto: netset.TCP, port: 22, kind: Probe, fan: 1 << 20, group: "legacy-open", when: schedule{shape: steady, rate: 0.2, seconds: 1}},
	{name: "포트 탐색", from: "@scanner", to: "eai", proto: netset.TCP, port: 0, kind: Scan, fan: 1 << 20, when: schedule{shape: steady, rate: 1, seconds: 1}},
	{name: "포트 탐색", from: "@scanner", to: "nlb", proto: netset.TCP, port: 0, kind: Scan, fan: 1 << 20, when: schedule{shape: steady, rate: 1, seconds: 1}},
	{name: "NAT 탐색", from: "@scanner", to: "nat", proto: netset.TCP, port: 8088, sport: 40000, kind: Probe, fan: 1 << 20, when: schedule{shape: steady, rate: 0.1, seconds: 1}},
}

// fate is the call's kind, Legit where the table names none.
func (c *call) fate() Kind {
	if c.kind == "" {
		return Legit
	}
	return c.kind
}

// fanout is how many targets one opener talks to.
func (c *call) fanout() int {
	if c.fan == 0 {
		return 4
	}
	return c.fan
}
