package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/labring/sealos-notify/client"
)

type endpointCommands struct {
	Remote
	List   listEndpoints  `cmd:"" help:"List where apps are told of events."`
	Show   showEndpoint   `cmd:"" help:"Show an endpoint."`
	Create createEndpoint `cmd:"" help:"Have the app told of events, and print the secret that signs the requests: it is not shown again."`
	Set    setEndpoint    `cmd:"" help:"Change an endpoint; or switch it off, or on again."`
	Rotate rotateEndpoint `cmd:"" help:"Give an endpoint a new secret, and print it. The old one signs, too, for 24 hours."`
	Replay replayEndpoint `cmd:"" help:"Tell an endpoint again what happened since a time."`
	Rm     removeEndpoint `cmd:"" help:"Delete an endpoint."`
}

type listEndpoints struct {
	Owner selector `placeholder:"APP" help:"Only those of this app; administrators only."`
	Limit int      `placeholder:"N" help:"At most so many; 50 by default."`
	After string   `placeholder:"ID" help:"Go on after this endpoint."`
}

// Run lists endpoints.
func (c listEndpoints) Run(ctx context.Context, s *session) error {
	page, err := s.api.Endpoints(ctx, client.EndpointQuery{Owner: string(c.Owner), Limit: c.Limit, After: c.After})
	if err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "ENDPOINT", "OWNER", "STATE", "CODE", "EVENTS", "URL", "DESCRIPTION")
		for _, e := range page.Endpoints {
			row(w, e.ID, e.Owner, endpointState(e), e.LastCode, eventsText(e.Events), e.URL, e.Description)
		}
		s.hintAtMore(page.Next)
	})
}

func endpointState(e client.Endpoint) string {
	switch {
	case e.Disabled:
		return "off: " + e.DisabledBecause
	case !e.FailingSince.IsZero():
		return "failing"
	default:
		return "on"
	}
}

func eventsText(events []string) string {
	if len(events) == 0 {
		return "all"
	}
	return strings.Join(events, ", ")
}

// printEndpoint prints an endpoint, and its secret when the answer has one.
func (s *session) printEndpoint(e client.Endpoint) error {
	return s.print(e, func(w io.Writer) {
		row(w, "Endpoint", e.ID)
		row(w, "Owner", e.Owner)
		row(w, "URL", e.URL)
		row(w, "Events", eventsText(e.Events))
		row(w, "Description", e.Description)
		row(w, "State", endpointState(e))
		if e.Disabled {
			row(w, "Off since", e.DisabledAt)
		}
		if !e.FailingSince.IsZero() {
			row(w, "Failing since", e.FailingSince)
			row(w, "Last code", e.LastCode)
		}
		if !e.OldSecretUntil.IsZero() {
			row(w, "Old secret signs until", e.OldSecretUntil)
		}
		if e.Secret != "" {
			row(w, "Secret", e.Secret)
		}
	})
}

type showEndpoint struct {
	ID string `arg:"" help:"Id of the endpoint."`
}

// Run shows an endpoint.
func (c showEndpoint) Run(ctx context.Context, s *session) error {
	e, err := s.api.Endpoint(ctx, c.ID)
	if err != nil {
		return err
	}
	return s.printEndpoint(e)
}

type createEndpoint struct {
	PostTo      string   `arg:"" name:"address" help:"Address that events are posted to; https."`
	Event       []string `placeholder:"TYPE" help:"Only events of this type, such as notification.finished; may be given several times."`
	Description string   `placeholder:"TEXT" help:"What it is for."`
	Owner       string   `placeholder:"APP" help:"The app whose events are told; administrators only."`
}

// Run makes an endpoint.
func (c createEndpoint) Run(ctx context.Context, s *session) error {
	e, err := s.api.CreateEndpoint(ctx, client.EndpointRequest{Owner: c.Owner, URL: c.PostTo, Description: c.Description, Events: c.Event})
	if err != nil {
		return err
	}
	return s.printEndpoint(e)
}

type setEndpoint struct {
	ID          string   `arg:"" help:"Id of the endpoint."`
	PostTo      string   `placeholder:"ADDRESS" help:"Post to this address from now on; https."`
	Event       []string `placeholder:"TYPE" help:"The types of events, instead of those that it has; may be given several times."`
	AllEvents   bool     `help:"Events of all types."`
	Description *string  `placeholder:"TEXT" help:"What it is for."`
	Off         bool     `xor:"state" help:"Switch it off. Its events are kept."`
	On          bool     `xor:"state" help:"Switch it on again."`
}

// Run changes an endpoint. What is not given stays.
func (c setEndpoint) Run(ctx context.Context, s *session) error {
	e, err := s.api.Endpoint(ctx, c.ID)
	if err != nil {
		return err
	}
	r := e.EndpointRequest
	if c.PostTo != "" {
		r.URL = c.PostTo
	}
	if len(c.Event) > 0 || c.AllEvents {
		r.Events = c.Event
	}
	if c.Description != nil {
		r.Description = *c.Description
	}
	r.Disabled = c.Off || r.Disabled && !c.On
	if e, err = s.api.ReplaceEndpoint(ctx, c.ID, r); err != nil {
		return err
	}
	return s.printEndpoint(e)
}

type rotateEndpoint struct {
	ID string `arg:"" help:"Id of the endpoint."`
}

// Run rotates the secret of an endpoint.
func (c rotateEndpoint) Run(ctx context.Context, s *session) error {
	e, err := s.api.RotateEndpoint(ctx, c.ID)
	if err != nil {
		return err
	}
	return s.printEndpoint(e)
}

type replayEndpoint struct {
	ID    string    `arg:"" help:"Id of the endpoint."`
	Since time.Time `required:"" placeholder:"TIME" help:"From this time on (RFC 3339); what was told already comes again."`
}

// Run tells an endpoint again what happened.
func (c replayEndpoint) Run(ctx context.Context, s *session) error {
	var total client.Replayed
	for r := (client.ReplayRequest{Since: c.Since}); ; r = (client.ReplayRequest{After: total.Next}) {
		replayed, err := s.api.ReplayEndpoint(ctx, c.ID, r)
		if err != nil {
			return err
		}
		total = client.Replayed{Events: total.Events + replayed.Events, Next: replayed.Next}
		if replayed.Next == "" {
			break
		}
		if replayed.Next == r.After {
			return errors.New("the service says that the next events are those that it has answered with")
		}
	}
	return s.print(total, func(w io.Writer) { fmt.Fprintf(w, "%d events are told again.\n", total.Events) })
}

type removeEndpoint struct {
	ID string `arg:"" help:"Id of the endpoint."`
	confirmFlag
}

// Run deletes an endpoint.
func (c removeEndpoint) Run(ctx context.Context, s *session) error {
	e, err := s.api.Endpoint(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, fmt.Sprintf("Endpoint %s of the app %s will be deleted: it is told nothing any more.", e.ID, e.Owner)); err != nil {
		return err
	}
	if err := s.api.DeleteEndpoint(ctx, c.ID); err != nil {
		return err
	}
	return s.print(e, func(w io.Writer) { fmt.Fprintf(w, "Endpoint %s is deleted.\n", e.ID) })
}
