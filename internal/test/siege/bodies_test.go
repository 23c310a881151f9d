package siege

import (
	"encoding/json"
	"fmt"
	"strings"
)

// notification returns a body with the params, as JSON, for one mail.
func notification(key, params string) []byte {
	return fmt.Appendf(nil, `{"idempotencyKey":%q,"channels":{"email":{"template":"mail","params":%s}},"recipients":[{"type":"email","value":"a@example.com"}]}`, key, params)
}

const (
	maxBody   = 4 << 20
	maxValues = 100_000
)

// densest returns the body that takes most memory for its size: as many objects as may be,
// with a text that fills it up.
func densest(key string) []byte {
	list := strings.Repeat(`{"a":0},`, maxValues/2-20)
	return notification(key, `{"l":[`+list+`0],"text":"`+strings.Repeat(`<`, maxBody-len(list)-300)+`"}`)
}

// longest returns the largest body with few values.
func longest(key string) []byte {
	return notification(key, `{"l":[],"text":"`+strings.Repeat(`<`, maxBody-300)+`"}`)
}

// small returns the densest body that is small.
func small(key string) []byte {
	return notification(key, `{"l":[`+strings.Repeat(`{"a":0},`, 8000)+`0]}`)
}

// tooMany has 600,000 objects.
var tooMany = notification("many", `{"l":[`+strings.Repeat(`{"a":0},`, 500_000)+`0]}`)

// widest returns a body that makes as many deliveries as one may: a recipient of mail gets
// each of three channels.
func widest(key string) []byte {
	recipients := make([]map[string]string, 10_000)
	for i := range recipients {
		recipients[i] = map[string]string{"type": "email", "value": fmt.Sprintf("%d@example.com", i)}
	}
	return encoded(map[string]any{
		"idempotencyKey": key, "recipients": recipients,
		"channels": map[string]any{
			"email": map[string]any{"template": "mail", "params": map[string]any{"l": []int{}}}, "feishu_app": map[string]any{"template": "app"}, "feishu_webhook": map[string]any{"template": "bot"},
		},
	})
}

// ownBody is nearly as long, for 30,000 messages, as all texts of a request may be, and takes as
// many steps.
var ownBody = "{{range 12}}{{end}}{{.n}}" + strings.Repeat("x", 520)

// widestOwn is widest with params for each recipient.
func widestOwn(key string) []byte {
	recipients := make([]map[string]any, 10_000)
	for i := range recipients {
		recipients[i] = map[string]any{"type": "email", "value": fmt.Sprintf("%d@example.com", i), "params": map[string]any{"n": i}}
	}
	return encoded(map[string]any{
		"idempotencyKey": key, "recipients": recipients,
		"channels": map[string]any{
			"email": map[string]any{"template": "own-mail"}, "feishu_app": map[string]any{"template": "own-app"}, "feishu_webhook": map[string]any{"template": "own-bot"},
		},
	})
}

func templateBody(source string) []byte {
	return encoded(map[string]any{"msgType": "html", "subject": "s", "body": source})
}

const maxSource = 64 << 10

// slowestSources are templates that took longest to save: seconds, before their work was
// bounded.
var slowestSources = []string{
	strings.Repeat("{{.a}}", maxSource/6), // of those that are taken
	strings.Repeat("<", 65_000),
	`<style>p{content:"` + strings.Repeat(`\`, 65_000) + `"}</style>`,
	"<title>" + strings.Repeat("<a", 32_000) + "</title>",
	strings.Repeat("{{range .l}}", 20) + "x" + strings.Repeat("{{end}}", 20),
}

// slowestTemplate does all the steps that it may.
const slowestTemplate = `{{range 100000}}{{$x := $.n}}{{end}}`

var slowestParams = encoded(map[string]any{"params": map[string]any{"n": json.Number("0." + strings.Repeat("7", 900) + "e-390")}})

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values are ours
	}
	return text
}

// misled returns a body for the channels whose vendors misbehave.
func misled(key string) []byte {
	return encoded(map[string]any{
		"idempotencyKey": key,
		"recipients": []map[string]string{{"type": "email", "value": "a@example.com"}, {"type": "phone", "value": "+8613800000000"},
			{"type": "dingtalk_group", "value": "dingtalk-group"}, {"type": "wecom_group", "value": "wecom-group"}, {"type": "webhook", "value": "ticket-system"}},
		"channels": map[string]any{
			"dingtalk_group": map[string]any{"template": "dingtalk"}, "wecom_group": map[string]any{"template": "wecom"}, "webhook": map[string]any{"template": "webhook"},
			"email": map[string]any{"template": "plain"}, "feishu_webhook": map[string]any{"template": "bot"},
			"sms": map[string]any{"template": "sms"}, "voice": map[string]any{"template": "voice"},
		},
	})
}
