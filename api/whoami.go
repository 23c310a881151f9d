package api

import (
	"context"
)

type identityView struct {
	AppID string `json:"appId"`
	Roles []Role `json:"roles"`
}

type whoAmIOutput struct{ Body identityView }

func (s *Server) whoAmI(ctx context.Context, _ *struct{}) (*whoAmIOutput, error) {
	caller := callerOf(ctx)
	return &whoAmIOutput{identityView{AppID: caller.AppID, Roles: append([]Role{}, caller.Roles...)}}, nil
}
