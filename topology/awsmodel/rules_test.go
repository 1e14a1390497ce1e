package awsmodel

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// A rule that refers to a group of the same account finds its id, whether the
// server says whose group it stands in or not.
func TestNameRulesOfReferences(t *testing.T) {
	for _, owner := range []*string{nil, aws.String("111111111111")} {
		g, err := SecurityGroup(ec2types.SecurityGroup{GroupId: aws.String("sg-web"), OwnerId: aws.String("111111111111"), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), UserIdGroupPairs: []ec2types.UserIdGroupPair{
				{GroupId: aws.String("sg-lb"), UserId: aws.String("111111111111"), Description: aws.String("부하 분산")},
				{GroupId: aws.String("sg-lb"), UserId: aws.String("222222222222")},
			}}}})
		if err != nil {
			t.Fatal(err)
		}
		var listed []ec2types.SecurityGroupRule
		for id, user := range map[string]string{"sgr-own": "111111111111", "sgr-other": "222222222222"} {
			listed = append(listed, ec2types.SecurityGroupRule{SecurityGroupRuleId: aws.String(id), GroupId: aws.String("sg-web"), GroupOwnerId: owner,
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
				ReferencedGroupInfo: &ec2types.ReferencedSecurityGroup{GroupId: aws.String("sg-lb"), UserId: aws.String(user)}})
		}
		var rules []topology.SecurityGroupRule
		for _, l := range listed {
			r, err := SecurityGroupRule(l)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r)
		}
		NameRules(&g, rules)
		if g.Rules[0].ID != "sgr-own" || g.Rules[1].ID != "sgr-other" {
			t.Errorf("owner told: %v; rules %+v", owner != nil, g.Rules)
		}
	}
}
