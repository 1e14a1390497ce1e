package changeset

import (
	"testing"
)

// small is one VPC with two subnets, a web server and a database.
func small() *account {
	a := &account{}
	a.vpc("vpc-1", "10.1.0.0/16")
	a.subnet("subnet-a", "vpc-1", "10.1.1.0/24")
	a.subnet("subnet-b", "vpc-1", "10.1.2.0/24")
	a.acl("acl-0", "vpc-1", "")
	return a
}

func TestTightensToTheFlows(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "in tcp/22 0.0.0.0/0", "out all 0.0.0.0/0")
	a.sg("sg-db", "vpc-1", "in tcp/5432 10.1.1.0/24", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.eni("eni-db", "subnet-b", "sg-db", "10.1.2.20")
	a.flow("eni-web out tcp/5432 10.1.2.20")
	a.flow("eni-db in tcp/5432 10.1.1.10")
	a.flow("eni-web in tcp/443 10.1.2.20")
	a.flow("eni-db out tcp/443 10.1.1.10")
	s := a.snapshot(t)
	c := newPlan().build(t, s, a.flows)
	wantPromises(t, c)
	wantWords(t, c, "sg-web",
		"add ingress tcp/443 from 10.1.2.20/32",
		"remove ingress tcp/22 from 0.0.0.0/0",
		"remove ingress tcp/443 from 10.0.0.0/8",
		"add egress tcp/5432 to 10.1.2.20/32",
		"remove egress all to 0.0.0.0/0")
	wantWords(t, c, "acl-0",
		"add ingress 200 allow tcp/1024-65535 from 10.1.1.10/32",
		"add ingress 300 allow tcp/443 from 10.1.2.20/32",
		"add ingress 400 allow tcp/1024-65535 from 10.1.2.20/32",
		"remove ingress 100 allow all from 0.0.0.0/0",
		"remove ingress 101 allow all from ::/0",
		"add egress 200 allow tcp/443 to 10.1.1.10/32",
		"add egress 300 allow tcp/1024-65535 to 10.1.1.10/32",
		"add egress 400 allow tcp/1024-65535 to 10.1.2.20/32",
		"remove egress 100 allow all to 0.0.0.0/0",
		"remove egress 101 allow all to ::/0")
}
