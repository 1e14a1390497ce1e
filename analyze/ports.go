package analyze

import "github.com/flowcover/flowcover/topology/netset"

// portClass orders ports by how likely something listens there.
type portClass int

const (
	servicePort   portClass = iota // IANA names a service for it that is in wide use
	systemPort                     // below 1024 without one: old clients (NFS, rsh) bind there
	userPort                       // 1024 to 32767
	ephemeralPort                  // from 32768: what Linux and Windows take for openers
)

// firstEphemeral is where Linux's and Windows' own ranges begin (aws-facts 7).
const firstEphemeral = 32768

// services are ports of IANA's registry that servers in VPCs really listen on.
// The registry's other names would make nearly every port a service; none from
// 32768 up is here, since openers take those more often than servers do.
var services = map[netset.Protocol]map[int]bool{
	netset.TCP: ports(20, 21, 22, 23, 25, 43, 49, 53, 79, 80, 81, 88, 102, 104, 110, 111, 113, 119, 123, 135, 139, 143, 161, 162, 179,
		264, 389, 427, 443, 444, 445, 464, 465, 502, 512, 513, 514, 515, 523, 524, 540, 543, 544, 546, 548, 554, 563, 587, 591, 593,
		601, 623, 631, 636, 646, 691, 749, 860, 873, 902, 989, 990, 992, 993, 995,
		1080, 1099, 1194, 1311, 1352, 1414, 1433, 1434, 1494, 1521, 1522, 1525, 1526, 1527, 1529, 1583, 1628, 1645, 1701, 1720, 1723, 1812, 1813, 1883, 1935,
		2000, 2049, 2121, 2181, 2222, 2375, 2376, 2377, 2379, 2380, 2404, 2483, 2484, 2598, 2638, 2809, 2888, 3000, 3050, 3128, 3260, 3268, 3269,
		3306, 3307, 3389, 3478, 3632, 3690, 3868, 3888, 4000, 4040, 4190, 4317, 4318, 4369, 4443, 4444, 4505, 4506, 4567, 4789, 4840, 4899,
		5000, 5001, 5003, 5044, 5060, 5061, 5201, 5222, 5223, 5269, 5280, 5353, 5357, 5432, 5433, 5439, 5480, 5555, 5601, 5631, 5666, 5671, 5672, 5722, 5800, 5900, 5901,
		5938, 5984, 5985, 5986, 6000, 6001, 6066, 6379, 6432, 6443, 6514, 6667, 6783, 7000, 7001, 7002, 7070, 7077, 7199, 7443, 7474, 7687, 7777, 7946,
		8000, 8001, 8005, 8006, 8008, 8009, 8010, 8020, 8042, 8060, 8069, 8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 8088, 8089, 8090, 8091, 8092, 8096, 8111,
		8123, 8125, 8126, 8140, 8161, 8181, 8200, 8243, 8280, 8291, 8300, 8301, 8333, 8400, 8443, 8444, 8480, 8500, 8501, 8530, 8531, 8600, 8629, 8649, 8765, 8834,
		8880, 8883, 8888, 8983, 9000, 9001, 9042, 9043, 9060, 9080, 9090, 9091, 9092, 9093, 9094, 9095, 9096, 9097, 9098, 9100, 9142, 9160, 9187, 9191, 9200, 9300,
		9389, 9418, 9443, 9600, 9669, 9870, 9990, 9993, 9997, 9998, 9999, 10000, 10001, 10050, 10051, 10250, 10255, 10443, 11211, 11214, 11300, 12345,
		15000, 15001, 15672, 16379, 16443, 18080, 18091, 19132, 19888, 20880, 22122, 25565, 25672, 26379, 26656, 27015, 27017, 27018, 27019, 28015, 28017, 29418, 30000, 31337, 32400),
	netset.UDP: ports(7, 9, 19, 49, 53, 67, 68, 69, 88, 111, 123, 135, 137, 138, 161, 162, 177, 213, 319, 320, 389, 427, 443, 464, 500, 512, 514, 517, 518, 520, 521, 546, 547, 554, 623, 631,
		853, 1194, 1434, 1645, 1646, 1701, 1812, 1813, 1900, 2049, 2055, 2152, 2427, 3268, 3389, 3478, 3544, 3702, 3784, 3785, 4500, 4739, 4789, 5004, 5005, 5060, 5061, 5246, 5247, 5349, 5351, 5353, 5355,
		5632, 6081, 6343, 6514, 6783, 7946, 8125, 8301, 8302, 8472, 8600, 9995, 9996, 10514, 11211, 12201, 27015),
}

func ports(list ...int) map[int]bool {
	m := make(map[int]bool, len(list))
	for _, p := range list {
		m[p] = true
	}
	return m
}

// classOf puts a port into its class.
func classOf(p netset.Protocol, port int) portClass {
	switch {
	case services[p][port]:
		return servicePort
	case port < 1024:
		return systemPort
	case port < firstEphemeral:
		return userPort
	}
	return ephemeralPort
}
