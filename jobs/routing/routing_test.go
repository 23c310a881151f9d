package routing_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/routing"
	"github.com/labring/sealos-notify/store"
)

func TestMoves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure routing.Failure
		want    bool
	}{
		"misconfigured":                        {routing.Failure{Class: channels.Misconfigured}, true},
		"misconfigured, known by its id":       {routing.Failure{Class: channels.Misconfigured, Dedupes: true}, true},
		"transient":                            {routing.Failure{Class: channels.Transient}, false},
		"transient twice":                      {routing.Failure{Class: channels.Transient, Again: true}, true},
		"transient, the last attempt":          {routing.Failure{Class: channels.Transient, Last: true}, true},
		"transient, the breaker is open":       {routing.Failure{Class: channels.Transient, Open: true}, true},
		"transient twice, known by its id":     {routing.Failure{Class: channels.Transient, Again: true, Dedupes: true}, true},
		"uncertain":                            {routing.Failure{Class: channels.Uncertain}, false},
		"uncertain twice":                      {routing.Failure{Class: channels.Uncertain, Again: true}, true},
		"uncertain, the breaker is open":       {routing.Failure{Class: channels.Uncertain, Open: true}, true},
		"uncertain, known by its id":           {routing.Failure{Class: channels.Uncertain, Dedupes: true, Again: true, Last: true, Open: true}, false},
		"throttled, the other is free":         {routing.Failure{Class: channels.Throttled, Wait: time.Second}, true},
		"throttled, the other takes as long":   {routing.Failure{Class: channels.Throttled, Wait: time.Second, Other: time.Second}, false},
		"throttled, the other takes longer":    {routing.Failure{Class: channels.Throttled, Wait: time.Second, Other: time.Minute, Again: true}, false},
		"throttled, the other takes less long": {routing.Failure{Class: channels.Throttled, Wait: time.Minute, Other: time.Second}, true},
		"permanent":                            {routing.Failure{Class: channels.Permanent, Again: true, Last: true, Open: true}, false},
	} {
		require.Equal(t, c.want, c.failure.Moves(), name)
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	route := []channels.Provider{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for name, c := range map[string]struct {
		from  string
		broke string
		next  string
		ahead bool
	}{
		"from the first":           {"a", "", "b", true},
		"one does not work":        {"a", "b", "c", true},
		"from the last":            {"c", "", "a", false},
		"from the last but a":      {"c", "a", "b", false},
		"none behind it works":     {"b", "c", "a", false},
		"none works":               {"b", "ac", "", false},
		"from one that has gone":   {"gone", "", "a", true},
		"from one, but a is broke": {"gone", "a", "b", true},
	} {
		next, ahead, found := routing.Next(route, c.from, func(p string) bool {
			for _, broken := range c.broke {
				if p == string(broken) {
					return false
				}
			}
			return true
		})
		require.Equal(t, c.next, next.Name, name)
		require.Equal(t, c.ahead, ahead, name)
		require.Equal(t, c.next != "", found, name)
	}
	_, _, found := routing.Next(nil, "a", func(string) bool { return true })
	require.False(t, found)
}

type picky struct{ channels.Sender }

func (picky) CheckRecipient(r channels.Recipient) error {
	if r.Value[:3] != "+86" {
		return channels.PermanentError("x", "not of this country")
	}
	return nil
}

// A delivery goes by itself only through providers that can take it.
func TestRoute(t *testing.T) {
	t.Parallel()
	vendor := channels.Type{Name: "vendor", Channel: "sms", TemplateCode: true}
	registry := channels.NewRegistry(map[string]channels.Provider{"sms": {Name: "a", Type: vendor, Sender: picky{}}},
		channels.Provider{Name: "spare", Type: vendor},
		channels.Provider{Name: "c", Type: vendor, Place: 3, Apps: []string{"team"}},
		channels.Provider{Name: "b", Type: vendor, Place: 2})
	const home, abroad = "+8613800000000", "+14155550100"
	for name, c := range map[string]struct {
		code  string
		codes map[string]string
		to    string
		want  []string
	}{
		"one code":                    {"SMS_1", nil, home, []string{"a"}},
		"a code for the second":       {"SMS_1", map[string]string{"b": "4711"}, home, []string{"a", "b"}},
		"a code for each":             {"", map[string]string{"a": "SMS_1", "b": "4711"}, home, []string{"a", "b"}},
		"none for the first":          {"", map[string]string{"b": "4711"}, home, []string{"b"}},
		"of no use":                   {"", map[string]string{"spare": "1"}, home, nil},
		"the first does not take it":  {"SMS_1", map[string]string{"b": "4711"}, abroad, []string{"b"}},
		"the third names its apps":    {"SMS_1", map[string]string{"c": "4711"}, home, []string{"a"}},
		"none takes the address":      {"SMS_1", nil, abroad, nil},
		"an erased address is nobody": {"SMS_1", nil, store.ErasedText, []string{"a"}},
	} {
		route := routing.Route(registry, uuid.New(), store.Message{Channel: "sms", TemplateCode: c.code, TemplateCodes: c.codes},
			store.Recipient{Type: "phone", Value: c.to})
		var names []string
		for _, p := range route {
			names = append(names, p.Name)
		}
		require.Equal(t, c.want, names, name)
	}
	require.Equal(t, "4711", store.Message{TemplateCode: "SMS_1", TemplateCodes: map[string]string{"b": "4711"}}.Code("b"))
	require.Equal(t, "SMS_1", store.Message{TemplateCode: "SMS_1", TemplateCodes: map[string]string{"b": "4711"}}.Code("spare"),
		"an operator chose it")
}
