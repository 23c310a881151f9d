package console

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// Endpoints does what the API's operations on endpoints do.
type Endpoints interface {
	Endpoints(ctx context.Context, after uuid.UUID, limit int) ([]store.Endpoint, error)
	CreateEndpoint(ctx context.Context, url, description string, events []string) (secret string, err error)
	SwitchEndpoint(ctx context.Context, id string, off bool) error
	RotateEndpoint(ctx context.Context, id string) (secret string, err error)
	ReplayEndpoint(ctx context.Context, id string, since time.Time) (events int, err error)
	DeleteEndpoint(ctx context.Context, id string) error
}

type endpointsData struct {
	Endpoints        []store.Endpoint
	Types            []store.EventType
	Next             string
	URL, Description string // as they were typed
	Secret           string // that was just made; empty: none
	Problem          *Problem
}

func listEndpoints(v *visit) error { return showEndpoints(v, "", nil) }

// showEndpoints shows the endpoints, beside a secret that was just made or a problem.
func showEndpoints(v *visit, secret string, problem error) error {
	after, err := uuid.Parse(v.r.URL.Query().Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	d := endpointsData{Types: store.EventTypes(), Secret: secret}
	if d.Endpoints, err = v.console.api.Endpoints(v.ctx, after, listPage+1); err != nil {
		return err
	}
	if len(d.Endpoints) > listPage {
		d.Endpoints = d.Endpoints[:listPage]
		d.Next = Prefix + "/events?" + url.Values{"after": {d.Endpoints[listPage-1].ID.String()}}.Encode()
	}
	if problem != nil {
		p := v.console.api.Problem(problem)
		d.Problem, d.URL, d.Description = &p, v.r.PostForm.Get("url"), v.r.PostForm.Get("description")
		return v.show("endpoints", p.Status, d)
	}
	return v.page(d)
}

func createEndpoint(v *visit) error {
	form := v.r.PostForm
	secret, err := v.console.api.CreateEndpoint(v.ctx, strings.TrimSpace(form.Get("url")), form.Get("description"), form["events"])
	return showEndpoints(v, secret, err)
}

func rotateEndpoint(v *visit) error {
	secret, err := v.console.api.RotateEndpoint(v.ctx, v.r.PathValue("id"))
	return showEndpoints(v, secret, err)
}

func switchEndpoint(v *visit) error {
	if err := v.console.api.SwitchEndpoint(v.ctx, v.r.PathValue("id"), v.r.PostForm.Get("do") == "off"); err != nil {
		return showEndpoints(v, "", err)
	}
	return v.redirect(Prefix+"/events", url.Values{"done": {"endpointSwitched"}})
}

func replayEndpoint(v *visit) error {
	hours, _ := strconv.Atoi(v.r.PostForm.Get("hours")) // 0 tells nothing
	events, err := v.console.api.ReplayEndpoint(v.ctx, v.r.PathValue("id"), time.Now().Add(-time.Duration(hours)*time.Hour))
	if err != nil {
		return showEndpoints(v, "", err)
	}
	return v.redirect(Prefix+"/events", url.Values{"done": {fmt.Sprintf("replayed.%d", events)}})
}

func deleteEndpoint(v *visit) error {
	if err := v.console.api.DeleteEndpoint(v.ctx, v.r.PathValue("id")); err != nil {
		return showEndpoints(v, "", err)
	}
	return v.redirect(Prefix+"/events", url.Values{"done": {"endpointDeleted"}})
}
