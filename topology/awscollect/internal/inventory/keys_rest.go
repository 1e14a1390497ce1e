package inventory

import (
	"encoding/json"
	"fmt"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/flowcover/flowcover/topology/awsmodel"
)

// wrapped reads a list of answers, each with its parent's id beside it.
func wrapped(inner string) handler {
	return func(f *exportFile, m member) error {
		items, err := decodeList[map[string]json.RawMessage](f.path, m)
		if err != nil {
			return err
		}
		for i, item := range items {
			part := &exportFile{reader: f.reader, name: f.name, path: f.path, from: f.from}
			body := member{key: inner, value: json.RawMessage("[]"), offset: m.offset}
			for _, key := range []string{"AdditionalRoutesAvailable", "TransitGatewayRouteTableId", "LoadBalancerArn", "TargetGroupArn"} {
				if raw, ok := item[key]; ok {
					part.members = append(part.members, member{key: key, value: raw, offset: m.offset})
				}
			}
			raw, ok := item[inner]
			if !ok {
				return &FileError{File: f.path, Key: fmt.Sprintf("%s[%d]", m.key, i), Reason: "want the key " + inner + " in each element"}
			}
			body.value = raw
			if err := keys[inner](part, body); err != nil {
				return err
			}
		}
		return nil
	}
}

// listeners reads describe-listeners, whose elements name their load balancer.
// An empty answer belongs to the one named beside it.
func listeners(f *exportFile, m member) error {
	values, err := decodeList[elbtypes.Listener](f.path, m)
	if err != nil {
		return err
	}
	inv := f.reader.inv
	if arn, ok := f.beside("LoadBalancerArn"); ok {
		inv.Answer(CallListeners, arn, f.from)
	}
	for _, l := range values {
		if l.LoadBalancerArn != nil {
			inv.Answer(CallListeners, *l.LoadBalancerArn, f.from)
		}
	}
	Add(inv, &inv.Listeners, f.from, "", values...)
	return nil
}

// listenerRules reads elbv2 describe-rules.
func listenerRules(f *exportFile, m member) error {
	values, err := decodeList[elbtypes.Rule](f.path, m)
	if err != nil {
		return err
	}
	inv := f.reader.inv
	if arn, ok := f.beside("ListenerArn"); ok {
		inv.Answer(CallListenerRules, arn, f.from)
	}
	for _, r := range values {
		if r.RuleArn != nil {
			inv.Answer(CallListenerRules, awsmodel.ListenerOfRule(*r.RuleArn), f.from)
		}
	}
	Add(inv, &inv.ListenerRules, f.from, "", values...)
	return nil
}

// databases reads rds describe-db-instances.
var databases = list(CallDatabases, func(i *Inventory) *[]Found[rdstypes.DBInstance] { return &i.Databases })

// quota reads service-quotas get-service-quota, which answers one at a time.
func quota(f *exportFile, m member) error {
	var q quotatypes.ServiceQuota
	if err := decodeItem(m.value, &q); err != nil {
		return &FileError{File: f.path, Offset: m.offset, Key: m.key, Reason: err.Error()}
	}
	inv := f.reader.inv
	inv.Answer(CallQuota, "", f.from)
	Add(inv, &inv.Quotas, f.from, "", q)
	return nil
}

// attribute reads describe-vpc-attribute: one switch of one VPC.
func attribute(f *exportFile, m member) error {
	vpc, ok := f.beside("VpcId")
	if !ok {
		return &FileError{File: f.path, Key: m.key, Reason: "want VpcId beside it, as describe-vpc-attribute prints it"}
	}
	a := VPCAttribute{VpcId: &vpc}
	into := &a.EnableDnsSupport
	if m.key == "EnableDnsHostnames" {
		into = &a.EnableDnsHostnames
	}
	if err := decodeItem(m.value, into); err != nil {
		return &FileError{File: f.path, Offset: m.offset, Key: m.key, Reason: err.Error()}
	}
	inv := f.reader.inv
	inv.Answer(CallVPCAttribute, vpc+" "+m.key, f.from)
	Add(inv, &inv.VPCAttributes, f.from, "", a)
	return nil
}

// caller reads sts get-caller-identity: whose folder it is.
func caller(f *exportFile, m member) error {
	var account string
	if err := json.Unmarshal(m.value, &account); err != nil || !accountName.MatchString(account) {
		f.reader.ignore(f.path, m.key, "not an account's number")
		return nil
	}
	inv := f.reader.inv
	Add(inv, &inv.callers, f.from, "", account)
	return nil
}

// refusals reads the marker that scripts/export-account leaves for calls that
// were refused.
func refusals(f *exportFile, m member) error {
	values, err := decodeList[Refusal](f.path, m)
	if err != nil {
		return err
	}
	for i, v := range values {
		if v.Call == "" || v.Code == "" {
			return &FileError{File: f.path, Key: fmt.Sprintf("%s[%d]", m.key, i), Reason: "want Call and Code"}
		}
		f.reader.inv.Refuse(v, f.from)
	}
	return nil
}
