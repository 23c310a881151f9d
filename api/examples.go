package api

import (
	"net/http"

	"github.com/labring/sealos-notify/jobs/refusal"
)

// exampleProblems holds an example problem for each status.
var exampleProblems = map[int]*Problem{
	http.StatusBadRequest:   fieldProblem(http.StatusBadRequest, codeInvalidRequest, "priority", "must be one of high, normal, low"),
	http.StatusUnauthorized: errUnauthorized,
	http.StatusForbidden:    errForbidden(RoleTemplates),
	http.StatusNotFound:     errNotFound,
	http.StatusConflict: fieldProblem(http.StatusConflict, refusal.IdempotencyConflict,
		"idempotencyKey", "this key was used for a different request"),
	http.StatusRequestEntityTooLarge: newProblem(http.StatusRequestEntityTooLarge,
		codeByStatus[http.StatusRequestEntityTooLarge], "the body must have at most 4194304 bytes"),
	http.StatusUnsupportedMediaType: newProblem(http.StatusUnsupportedMediaType,
		codeByStatus[http.StatusUnsupportedMediaType], notJSON),
	http.StatusUnprocessableEntity: fieldProblem(http.StatusUnprocessableEntity, refusal.MissingParam,
		"channels.feishu_app.params.incident", `template "feishu-alert" needs the param "incident"`),
	http.StatusTooManyRequests:     errTooManyAttempts(guessWindow),
	http.StatusInternalServerError: errInternal,
	http.StatusServiceUnavailable:  errUnavailable,
}

// exampleBodies holds an example request for each operation that has a body, by operation id.
var exampleBodies = map[string]string{
	"sendNotification": `{"idempotencyKey": "incident-001",
		"channels": {"feishu_app": {"template": "feishu-alert", "params": {"incident": "the database is down", "severity": "P0"}}},
		"recipients": [{"type": "feishu_user_id", "value": "ou_alice"}, {"type": "contact", "value": "bob"}]}`,
	"acknowledgeNotification": `{"by": "alice", "note": "failing over"}`,

	"retryDelivery":   `{"provider": "spare"}`,
	"retryDeliveries": `{"filter": {"channel": "feishu_app", "code": "feishu_230001"}, "dryRun": true}`,
	"erase":           `{"recipient": {"type": "email", "value": "alice@example.com"}, "dryRun": true}`,
	"setBreaker":      `{"open": true}`,

	"sendAlertmanagerAlerts": exampleAlerts,
	"sendGrafanaAlerts":      exampleAlerts,
	"testReceiver":           `{"receiver": "on-call"}`,

	"createTemplate":  `{"name": "disk-full", "channel": "feishu_app", "msgType": "text", "body": "{{ .host }} has no space left"}`,
	"checkTemplate":   `{"name": "disk-full", "channel": "feishu_app", "body": "{{ .host }} has no space left", "params": {"host": "db-0"}}`,
	"replaceTemplate": `{"version": 1, "msgType": "text", "body": "{{ .host }} has {{ .left }} left"}`,
	"previewTemplate": `{"params": {"host": "db-0", "left": "5 MB"}}`,
	"restoreTemplate": `{"version": 1}`,
	"testTemplate":    `{"params": {"host": "db-0", "left": "5 MB"}, "recipient": {"type": "feishu_user_id", "value": "ou_alice"}}`,

	"putKind": `{"description": "what is new", "optional": true, "caps": {"email": {"limit": 1, "per": "day"}},
		"quiet": {"from": "22:00", "to": "08:00", "timeZone": "Asia/Shanghai"}}`,
	"setPreferences": `{"recipient": {"type": "email", "value": "alice@example.com"}, "off": [{"kind": "news"}, {"kind": "billing", "channel": "sms"}]}`,
	"makeLinkKey":    `{"forget": false}`,

	"putContact": `{"addresses": [{"type": "email", "value": "alice@example.com"}, {"type": "phone", "value": "+8613800000000"}],
		"locale": "zh-CN", "timeZone": "Asia/Shanghai", "labels": {"team": "db"}}`,
	"putContacts": `{"contacts": [{"name": "alice", "addresses": [{"type": "email", "value": "alice@example.com"}], "labels": {"team": "db"}}],
		"dryRun": true}`,
	"putGroup": `{"contacts": ["bob"], "labels": {"team": "db"}}`,

	"createEndpoint":  `{"url": "https://ops.example.com/events", "events": ["notification.finished"]}`,
	"replaceEndpoint": `{"url": "https://ops.example.com/events", "disabled": true}`,
	"replayEndpoint":  `{"since": "2026-01-02T15:04:05Z"}`,
}

const exampleAlerts = `{"receiver": "on-call", "status": "firing", "groupKey": "{}:{alertname=\"DiskFull\"}",
	"alerts": [{"status": "firing", "fingerprint": "c0ffee0123456789", "startsAt": "2026-01-02T15:04:05Z", "endsAt": "0001-01-01T00:00:00Z",
		"labels": {"alertname": "DiskFull", "instance": "db-0"}, "annotations": {"summary": "db-0 has no space left"}}]}`
