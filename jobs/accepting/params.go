package accepting

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/jobs/refusal"
)

// group is the recipients of a channel that have the same params of their own.
type group struct {
	params map[string]any // nil: none
	to     []recipient
}

// byParams returns the groups in the order of their first recipients. Without any recipient there
// is one group, because what is wrong with the template or its params is said all the same.
func byParams(to []recipient) []group {
	if !slices.ContainsFunc(to, func(r recipient) bool { return r.params != nil }) {
		return []group{{to: to}}
	}
	var groups []group
	position := map[string]int{} // by params
	for _, r := range to {
		key := string(canonical(r.params))
		i, known := position[key]
		if !known {
			i = len(groups)
			position[key] = i
			groups = append(groups, group{params: r.params})
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
