package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

func (c consoleAPI) Endpoints(ctx context.Context, after uuid.UUID, limit int) ([]store.Endpoint, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	owner, err := scope(ctx, "")
	if err != nil {
		return nil, err
	}
	return c.s.store.ListEndpoints(ctx, owner, after, limit)
}

// CreateEndpoint takes the endpoint as a request would have brought it, with the same limits.
func (c consoleAPI) CreateEndpoint(ctx context.Context, url, description string, events []string) (string, error) {
	if err := maySend(ctx); err != nil {
		return "", err
	}
	fields := map[string]any{"url": url, "description": description}
	if len(events) > 0 {
		fields["events"] = events
	}
	r, err := decoded[endpointRequest](ctx, c.s, fields)
	if err != nil {
		return "", err
	}
	made, err := c.s.createEndpoint(ctx, &createEndpointInput{jsonBody[endpointRequest]{r}})
	if err != nil {
		return "", err
	}
	return made.Body.Secret, nil
}

func (c consoleAPI) SwitchEndpoint(ctx context.Context, id string, off bool) error {
	e, err := c.endpoint(ctx, id)
	if err != nil {
		return err
	}
	in := &replaceEndpointInput{ID: e.ID}
	in.body = EndpointContent{URL: e.URL, Description: e.Description, Events: e.Events, Disabled: off}
	_, err = c.s.replaceEndpoint(ctx, in)
	return err
}

func (c consoleAPI) RotateEndpoint(ctx context.Context, id string) (string, error) {
	e, err := c.endpoint(ctx, id)
	if err != nil {
		return "", err
	}
	rotated, err := c.s.rotateEndpoint(ctx, &endpointInput{e.ID})
	if err != nil {
		return "", err
	}
	return rotated.Body.Secret, nil
}

func (c consoleAPI) ReplayEndpoint(ctx context.Context, id string, since time.Time) (int, error) {
	e, err := c.endpoint(ctx, id)
	if err != nil {
		return 0, err
	}
	in := &replayInput{ID: e.ID}
	in.body.Since = &since
	replayed, err := c.s.replayEndpoint(ctx, in)
	if err != nil {
		return 0, err
	}
	return replayed.Body.Events, nil
}

func (c consoleAPI) DeleteEndpoint(ctx context.Context, id string) error {
	e, err := c.endpoint(ctx, id)
	if err != nil {
		return err
	}
	_, err = c.s.deleteEndpoint(ctx, &endpointInput{e.ID})
	return err
}

// endpoint returns an endpoint that the user may change.
func (c consoleAPI) endpoint(ctx context.Context, id string) (store.Endpoint, error) {
	if err := maySend(ctx); err != nil {
		return store.Endpoint{}, err
	}
	which, err := uuid.Parse(id)
	if err != nil {
		return store.Endpoint{}, errNotFound
	}
	return c.s.endpointOf(ctx, which)
}
