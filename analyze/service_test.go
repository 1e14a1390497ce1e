package analyze

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// servicesAccount adds tasks and pods to the test account.
func servicesAccount(t *testing.T) Evidence {
	t.Helper()
	r := testAccount()
	const attachment = "arn:aws:ecs:ap-northeast-2:111122223333:attachment/0d3b"
	task := eni("eni-task", "subnet-ecs", "interface", "10.0.4.20", "sg-ecs")
	task.Description, task.Tags = attachment, map[string]string{tagECSService: "orders"}
	bare := eni("eni-bare", "subnet-ecs", "interface", "10.0.4.21", "sg-ecs")
	bare.Description = attachment
	node := eni("eni-node", "subnet-app", "interface", "10.0.1.30", "sg-web")
	node.Prefixes = []netip.Prefix{prefix("10.0.1.64/28")}
	cni := eni("eni-cni", "subnet-app", "interface", "10.0.1.31", "sg-web")
	cni.Description, cni.Tags = "aws-K8S-i-0abc", map[string]string{tagEKSCluster: "prod"}
	cni.Addresses = append(cni.Addresses, addr("10.0.1.32"))
	branch := eni("eni-branch", "subnet-app", "branch", "10.0.1.33", "sg-web")
	branch.Description = "aws-k8s-branch-eni"
	r.Interfaces = append(r.Interfaces, task, bare, node, cni, branch)
	ev := evidence(t)
	ev.Snapshots[0].Snapshot = snapshotOf(t, r)
	day := int32(day0.Unix() / 86400)
	ev.Hours = []ENIHours{
		{ENI: "eni-gone1", Day: day, VPC: "vpc-1", Subnet: "subnet-ecs", ECSService: "api"},
		{ENI: "eni-gone2", Day: day, VPC: "vpc-1", Subnet: "subnet-app", ECSService: "-"},
		{ENI: "eni-gone3", Day: day, VPC: "vpc-1", Subnet: "subnet-gone", ECSService: "api"},
		{ENI: "eni-ecs1", Day: day, VPC: "vpc-1", Subnet: "subnet-ecs", ECSService: "api"},
		{ENI: "eni-web1", Day: day, VPC: "vpc-1", Subnet: "subnet-app", ECSService: "-"},
	}
	return ev
}

func TestServices(t *testing.T) {
	ev := servicesAccount(t)
	own := func(eni, local string) Flow { return Flow{ENI: eni, Local: addr(local)} }
	flows := []Flow{own("eni-gone1", "10.0.4.77"), own("eni-gone2", "10.0.1.90"), own("eni-gone3", "10.0.9.9"),
		own("eni-gone1", "10.0.4.78"), own("eni-gone2", "10.0.4.78")}
	s := ServicesOf(flows, ev)
	for a, want := range map[string]string{
		"10.0.4.20": "ECS service orders 10.0.4.0/24", // its tag
		"10.0.4.21": "ECS tasks 10.0.4.0/24",          // its description
		"10.0.4.10": "ECS service api 10.0.4.0/24",    // the log's own field
		"10.0.4.77": "ECS service api 10.0.4.0/24",    // gone since
		"10.0.4.78": "",                               // whose it was is not sure
		"10.0.1.90": "",                               // gone, and no task
		"10.0.9.9":  "",                               // its subnet is gone too
		"10.0.4.11": "",                               // nothing says that it is one
		"10.0.1.5":  "", "10.0.1.30": "", "10.0.1.31": "", "198.51.100.7": "",
		"10.0.1.70": "EKS pods 10.0.1.0/24", "10.0.1.32": "EKS pods of prod 10.0.1.0/24", "10.0.1.33": "EKS pods 10.0.1.0/24",
	} {
		got := ""
		if v, ok := s.At("vpc-1", addr(a)); ok {
			got = v.Name + " " + v.Range.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", a, got, want)
		}
	}
	if _, ok := (*Services)(nil).At("vpc-1", addr("10.0.4.20")); ok {
		t.Error("no services know one")
	}
}

func TestServiceIsAReason(t *testing.T) {
	ev := servicesAccount(t)
	flows, _ := attributed(t, ev, row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.0.4.20", 9000),
		row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.0.2.50", 9000))
	for _, f := range flows {
		said := slices.ContainsFunc(f.Why, func(w string) bool { return strings.Contains(w, "one of ECS service orders in 10.0.4.0/24") })
		if said != (f.Peer == addr("10.0.4.20")) {
			t.Errorf("%v: %v", f.Peer, f.Why)
		}
	}
}
