package api

import (
	"context"
	"encoding/json"

	"github.com/labring/sealos-notify/store"
)

func (c consoleAPI) Kinds(ctx context.Context, after string, limit int) ([]store.Kind, error) {
	giveBack, err := c.s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return c.s.store.ListKinds(ctx, after, limit)
}

func (c consoleAPI) Kind(ctx context.Context, name string) (store.Kind, error) {
	return c.s.store.Kind(ctx, name)
}

// SaveKind takes the kind as a request would have brought it, with the same limits.
func (c consoleAPI) SaveKind(ctx context.Context, k store.Kind) error {
	if err := mayAdmin(ctx); err != nil {
		return err
	}
	encoded, err := json.Marshal(viewKind(k).KindContent)
	if err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return err
	}
	r, err := decoded[kindRequest](ctx, c.s, fields)
	if err != nil {
		return err
	}
	_, err = c.s.putKind(ctx, &putKindInput{Name: k.Name, jsonBody: jsonBody[kindRequest]{r}})
	return err
}

func (c consoleAPI) DeleteKind(ctx context.Context, name string) error {
	if err := mayAdmin(ctx); err != nil {
		return err
	}
	_, err := c.s.deleteKind(ctx, &kindInput{name})
	return err
}
