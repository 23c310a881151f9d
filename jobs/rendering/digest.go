package rendering

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// digestParams returns the params of a digest's template: the newest items, oldest first, how many
// there are, and how many of them are not among the items.
func digestParams(items []any, count int) map[string]any {
	return map[string]any{
		"items": items, "count": json.Number(fmt.Sprint(count)), "rest": json.Number(fmt.Sprint(count - len(items))),
	}
}

// Item renders an item of a digest as a message of its own, with its params, which the digest will
// show. It also renders a digest of this one item in each of its texts that will be sent, so that a bad
// param is refused now.
func (t *Turn) Item(
	template store.Template, provider channels.Provider, texts []*store.Template, params map[string]any,
) (store.Message, error) {
	m, err := t.Message(template, provider, params)
	if err != nil {
		return m, err
	}
	if m.Params, err = vendorParams(template, params); err != nil {
		return m, err
	}
	for _, text := range texts {
		_, err := t.Message(*text, provider, digestParams([]any{params}, 1))
		var refused *refusal.Error
		if errors.As(err, &refused) {
			return m, refusal.New(refused.Code, ".params", "in the digest of the kind: %s", refused.Message)
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// Digest renders a digest of items, which are JSON objects, oldest first. It leaves out the oldest
// until the channel takes the message. A vendor that renders the template itself gets the params of
// the newest item and the count: its templates have no lists. An error of package shares means that
// it could not be rendered now.
func (r *Renderer) Digest(
	ctx context.Context, app string, t store.Template, provider channels.Provider, items [][]byte, count int,
) (store.Message, error) {
	params := make([]any, len(items))
	for i, item := range items {
		decoder := json.NewDecoder(bytes.NewReader(item))
		decoder.UseNumber()
		if err := decoder.Decode(&params[i]); err != nil {
			return store.Message{}, fmt.Errorf("params of an item: %w", err)
		}
	}
	content := Content{Items: len(items), Params: func(n int, _ bool) map[string]any {
		return digestParams(params[len(params)-n:], count)
	}}
	m, err := fitting(content, 1, func(params map[string]any) (store.Message, error) {
		turn := r.Begin(ctx, app)
		defer turn.End()
		return turn.Message(t, provider, params)
	})
	newest, isObject := params[len(params)-1].(map[string]any)
	if err != nil || !t.HasCode() || !isObject {
		return m, err
	}
	flat := maps.Clone(newest)
	flat["count"] = json.Number(fmt.Sprint(count))
	m.Params, err = vendorParams(t, flat)
	return m, err
}
