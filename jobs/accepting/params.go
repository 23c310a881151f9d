package accepting

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// group is the recipients of a channel that have the same params of their own, and get the same
// text of the template.
type group struct {
	template *store.Template // with that text as its own
	params   map[string]any  // nil: none
	to       []recipient
}

// byRendering returns the groups in the order of their first recipients. Those without a locale
// have that of the request. Without any recipient there is one group, because what is wrong with
// the template or its params is said all the same.
func byRendering(t store.Template, locale string, to []recipient) []group {
	texts := rendering.Choose(t)
	own := func(r recipient) bool { return r.params != nil || r.locale != "" && len(t.Texts) > 0 }
	if !slices.ContainsFunc(to, own) {
		return []group{{template: texts.For(locale), to: to}}
	}
	type key struct{ locale, params string }
	var groups []group
	position := map[key]int{}
	for _, r := range to {
		chosen := texts.For(cmp.Or(r.locale, locale))
		k := key{chosen.Locale, string(canonical(r.params))}
		i, known := position[k]
		if !known {
			i = len(groups)
			position[k] = i
			groups = append(groups, group{template: chosen, params: r.params})
		}
		groups[i].to = append(groups[i].to, r)
	}
	return groups
}

// canonical returns JSON values as JSON, the same for the same values.
func canonical(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("accepting: params are not JSON values: %v", err)) // Request says that they are
	}
	return encoded
}

// refusal places what is wrong with the params of the group at its first recipient.
func (g group) refusal(err error) error {
	var refused *refusal.Error
	if g.params == nil || !errors.As(err, &refused) || !strings.HasPrefix(refused.Field, ".params") {
		return err
	}
	moved := *refused
	moved.Field = g.to[0].path() + refused.Field
	return &moved
}

// layer lays the params of recipients over those of their channel. It has one map for all of
// them: copying many params of a channel for each of many recipients would take minutes.
type layer struct {
	under  map[string]any
	both   map[string]any
	before map[string]any // what was laid over last
}

// over returns the params with own laid over them, until the next call.
func (l *layer) over(own map[string]any) map[string]any {
	if l.both == nil {
		if own == nil {
			return l.under
		}
		l.both = make(map[string]any, len(l.under)+len(own))
		maps.Copy(l.both, l.under)
	}
	for name := range l.before {
		delete(l.both, name)
		if value, is := l.under[name]; is {
			l.both[name] = value
		}
	}
	maps.Copy(l.both, own)
	l.before = own
	return l.both
}
