package api

import (
	"context"
	"maps"
)

type identityView struct {
	AppID  string     `json:"appId"`
	Roles  []Role     `json:"roles"`
	Test   bool       `json:"test" doc:"the secret is a test secret: what it sends reaches nobody"`
	Limits limitsView `json:"limits"`
}

type limitsView struct {
	RequestsPerMinute   int            `json:"requestsPerMinute" doc:"notifications; 0: no limit"`
	DeliveriesPerMinute map[string]int `json:"deliveriesPerMinute" doc:"by channel"`
	DeliveriesPerDay    map[string]int `json:"deliveriesPerDay" doc:"by channel; a day begins at midnight, UTC"`
	HighPriority        bool           `json:"highPriority" doc:"may send with the priority high"`
}

func viewLimits(l Limits) limitsView {
	v := limitsView{
		RequestsPerMinute: l.RequestsPerMinute, HighPriority: l.HighPriority == nil || *l.HighPriority,
		DeliveriesPerMinute: map[string]int{}, DeliveriesPerDay: map[string]int{},
	}
	maps.Copy(v.DeliveriesPerMinute, l.DeliveriesPerMinute)
	maps.Copy(v.DeliveriesPerDay, l.DeliveriesPerDay)
	return v
}

type whoAmIOutput struct{ Body identityView }

func (s *Server) whoAmI(ctx context.Context, _ *struct{}) (*whoAmIOutput, error) {
	caller := callerOf(ctx)
	return &whoAmIOutput{identityView{
		AppID: caller.AppID, Roles: append([]Role{}, caller.Roles...), Test: caller.simulated, Limits: viewLimits(caller.limits),
	}}, nil
}
