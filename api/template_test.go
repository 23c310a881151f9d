package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const goodTemplate = `{"name":"feishu-incident","channel":"feishu_app","description":"d","subject":"","body":"[{{ .severity }}]","msgType":"text","templateCode":""}`

// requireSameTemplate compares what a write answered with what is read, which has figures, too.
func requireSameTemplate(t *testing.T, written, read answer) {
	t.Helper()
	got := read.json(t)
	require.Contains(t, got, "lastDay")
	delete(got, "lastDay")
	require.Equal(t, written.json(t), got)
}

func (b *bench) template(t *testing.T, method, name, body string) answer {
	t.Helper()
	path := "/api/v1/templates"
	if name != "" {
		path += "/" + name
	}
	return b.call(t, request{method: method, path: path, app: "editor", body: body})
}

func TestTemplateLifeCycle(t *testing.T) {
	t.Parallel()
	b := start(t)
	created := b.template(t, "POST", "", goodTemplate)
	require.Equal(t, http.StatusCreated, created.status)
	v := created.json(t)
	require.NotEmpty(t, v["createdAt"])
	require.Equal(t, v["createdAt"], v["updatedAt"])
	delete(v, "createdAt")
	delete(v, "updatedAt")
	require.Equal(t, map[string]any{
		"name": "feishu-incident", "channel": "feishu_app", "description": "d", "subject": "",
		"body": "[{{ .severity }}]", "msgType": "text", "templateCode": "", "version": 1.0, "owner": "editor", "private": false,
	}, v)

	got := b.template(t, "GET", "feishu-incident", "")
	require.Equal(t, 200, got.status)
	requireSameTemplate(t, created, got)

	again := b.template(t, "POST", "", goodTemplate)
	require.Equal(t, http.StatusConflict, again.status)
	code, field := again.problem(t)
	require.Equal(t, "template_exists", code)
	require.Equal(t, "name", field)

	replaced := b.template(t, "PUT", "feishu-incident", `{"body":"new"}`)
	require.Equal(t, 200, replaced.status)
	w := replaced.json(t)
	require.Equal(t, "new", w["body"])
	require.Equal(t, 2.0, w["version"])
	require.Equal(t, "", w["description"], "what is left out becomes empty")
	require.Equal(t, "feishu_app", w["channel"])
	require.Equal(t, created.json(t)["createdAt"], w["createdAt"])
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", goodTemplate).status, "the same name and channel may be given")

	gone := b.template(t, "DELETE", "feishu-incident", "")
	require.Equal(t, http.StatusNoContent, gone.status)
	require.Empty(t, gone.text)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		body := ""
		if method == "PUT" {
			body = goodTemplate
		}
		a := b.template(t, method, "feishu-incident", body)
		require.Equal(t, 404, a.status, method)
		code, _ := a.problem(t)
		require.Equal(t, "not_found", code)
	}
}

func TestTemplateNameAndChannelCannotChange(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	for body, field := range map[string]string{
		`{"name":"other","body":"x"}`:    "name",
		`{"channel":"email","body":"x"}`: "channel",
	} {
		a := b.template(t, "PUT", "feishu-incident", body)
		require.Equal(t, 422, a.status)
		code, at := a.problem(t)
		require.Equal(t, "immutable_field", code)
		require.Equal(t, field, at)
	}
	require.Equal(t, "[{{ .severity }}]", b.template(t, "GET", "feishu-incident", "").json(t)["body"])
}

func TestTemplateIsCheckedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	other := strings.Replace(goodTemplate, "feishu-incident", "other", 1)
	for _, c := range []struct {
		refusal refusal.Error
		status  int
	}{
		{refusal.Error{Code: refusal.InvalidTemplate, Field: "body", Message: "line 1, column 5: unclosed action"}, 400},
		{refusal.Error{Code: refusal.InvalidTemplate, Field: "subject", Message: "line 1, column 5: unclosed action"}, 400},
		{refusal.Error{Code: refusal.UnknownChannel, Field: "channel", Message: "unknown channel"}, 422},
		{refusal.Error{Code: refusal.InvalidMsgType, Field: "msgType", Message: "takes text"}, 422},
	} {
		b.rules.err = &c.refusal
		for _, a := range []answer{b.template(t, "POST", "", other), b.template(t, "PUT", "feishu-incident", `{"body":"changed"}`)} {
			require.Equal(t, c.status, a.status)
			code, field := a.problem(t)
			require.Equal(t, c.refusal.Code, code)
			require.Equal(t, c.refusal.Field, field)
			require.Contains(t, a.text, c.refusal.Message)
		}
	}
	require.Equal(t, 404, b.template(t, "GET", "other", "").status)
	require.Equal(t, "[{{ .severity }}]", b.template(t, "GET", "feishu-incident", "").json(t)["body"])
}

func TestMalformedTemplates(t *testing.T) {
	t.Parallel()
	b := start(t)
	template := func(members string) string { return `{"name":"n","channel":"email"` + members + `}` }
	for name, c := range map[string]struct {
		body, code, field string
		described         bool // openapi.yaml cannot say it
	}{
		"not JSON":         {body: "x", code: "invalid_json"},
		"array":            {body: "[]", code: "invalid_json"},
		"NUL":              {body: template(`,"body":"a\u0000"`), code: "invalid_json", field: "body", described: true},
		"twice":            {body: template(`,"body":"a","body":"b"`), code: "invalid_json", field: "body", described: true},
		"no name":          {body: `{"channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
		"no channel":       {body: `{"name":"n","body":"x"}`, code: "invalid_request", field: "channel"},
		"empty channel":    {body: `{"name":"n","channel":"","body":"x"}`, code: "invalid_request", field: "channel"},
		"no body":          {body: template(``), code: "invalid_request", field: "body", described: true},
		"empty body":       {body: template(`,"body":""`), code: "invalid_request", field: "body", described: true},
		"null body":        {body: template(`,"body":null`), code: "invalid_request", field: "body"},
		"long body":        {body: template(`,"body":"` + strings.Repeat("x", 65537) + `"`), code: "invalid_request", field: "body"},
		"long subject":     {body: template(`,"body":"x","subject":"` + strings.Repeat("x", 1025) + `"`), code: "invalid_request", field: "subject"},
		"long description": {body: template(`,"body":"x","description":"` + strings.Repeat("x", 1025) + `"`), code: "invalid_request", field: "description"},
		"long code":        {body: template(`,"body":"x","templateCode":"` + strings.Repeat("x", 129) + `"`), code: "invalid_request", field: "templateCode"},
		"msgType":          {body: template(`,"body":"x","msgType":1`), code: "invalid_request", field: "msgType"},
		"unknown":          {body: template(`,"body":"x","id":1`), code: "invalid_request", field: "id"},
		"slash in name":    {body: `{"name":"a/b","channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
		"space in name":    {body: `{"name":"a b","channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
		"dot first":        {body: `{"name":".a","channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
		"line feed last":   {body: `{"name":"a\n","channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
		"CJK name":         {body: `{"name":"模板","channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
		"long name":        {body: `{"name":"` + strings.Repeat("n", 65) + `","channel":"email","body":"x"}`, code: "invalid_request", field: "name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.template(t, "POST", "", c.body)
			require.Equal(t, 400, a.status, a.text)
			code, field := a.problem(t)
			require.Equal(t, c.code, code)
			require.Equal(t, c.field, field)
			require.Empty(t, b.store.templates)
			require.Equal(t, c.described, apitest.Describes(t, "POST", "/api/v1/templates", []byte(c.body)))
		})
	}
}

func TestTemplateOfTheVendorNeedsNoBody(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", `{"name":"Code.1_a-B","channel":"sms","templateCode":"SMS_1"}`).status)
}

func TestListTemplates(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.JSONEq(t, `{"templates":[]}`, b.template(t, "GET", "", "").text)
	for i := range 5 {
		channel := []string{"email", "sms"}[i%2]
		a := b.template(t, "POST", "", fmt.Sprintf(`{"name":"t%d","channel":%q,"body":"x"}`, i, channel))
		require.Equal(t, 201, a.status)
	}
	for query, want := range map[string]struct {
		names string
		next  any
	}{
		"":                              {"t0 t1 t2 t3 t4", nil},
		"?channel=email":                {"t0 t2 t4", nil},
		"?channel=none":                 {"", nil},
		"?limit=2":                      {"t0 t1", "t1"},
		"?limit=2&after=t1":             {"t2 t3", "t3"},
		"?limit=2&after=t3":             {"t4", nil},
		"?limit=5":                      {"t0 t1 t2 t3 t4", nil},
		"?channel=email&limit=1":        {"t0", "t0"},
		"?channel=email&after=t0":       {"t2 t4", nil},
		"?after=t3&channel=sms&limit=1": {"", nil},
	} {
		v := b.call(t, request{method: "GET", path: "/api/v1/templates" + query, app: "editor"}).json(t)
		var names []string
		for _, item := range v["templates"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		require.Equal(t, want.names, strings.Join(names, " "), query)
		require.Equal(t, want.next, v["next"], query)
	}
}

// Who names the version that was changed overwrites nobody else's change.
func TestReplaceTheVersionThatWasRead(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", `{"body":"theirs","version":1}`).status)
	a := b.template(t, "PUT", "feishu-incident", `{"body":"mine","version":1}`)
	require.Equal(t, 409, a.status)
	code, field := a.problem(t)
	require.Equal(t, "template_changed", code)
	require.Equal(t, "version", field)
	require.Equal(t, "theirs", b.template(t, "GET", "feishu-incident", "").json(t)["body"])
	require.Equal(t, 409, b.template(t, "PUT", "feishu-incident", `{"body":"mine","version":3}`).status)
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", `{"body":"mine","version":2}`).status)
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", `{"body":"without"}`).status)
	for _, version := range []string{"0", "-1", "2147483648", "1.5", `"1"`} {
		a := b.template(t, "PUT", "feishu-incident", `{"body":"x","version":`+version+`}`)
		require.Equal(t, 400, a.status, version)
		_, field := a.problem(t)
		require.Equal(t, "version", field)
	}
}

func TestListDeletedTemplates(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	require.Equal(t, 200, b.template(t, "GET", "", "").status)
	require.False(t, b.store.templateFilter.Deleted)
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/templates?deleted=true&channel=sms", app: "console"}).status)
	require.Equal(t, store.TemplateFilter{Deleted: true, Channel: "sms", VisibleTo: "console"}, b.store.templateFilter)
}

// Codes are kept for each provider, in the template and in its versions.
func TestTemplateCodes(t *testing.T) {
	t.Parallel()
	b := start(t)
	const codes = `{"name":"sms","channel":"sms","templateCodes":{"aliyun":"SMS_1","other":"4711"}}`
	want := map[string]any{"aliyun": "SMS_1", "other": "4711"}
	created := b.template(t, "POST", "", codes)
	require.Equal(t, http.StatusCreated, created.status, created.text)
	require.Equal(t, want, created.json(t)["templateCodes"])
	require.Equal(t, want, b.template(t, "GET", "sms", "").json(t)["templateCodes"])
	require.Equal(t, want, b.template(t, "GET", "sms/versions/1", "").json(t)["templateCodes"])
	replaced := b.template(t, "PUT", "sms", `{"templateCode":"SMS_1"}`)
	require.NotContains(t, replaced.json(t), "templateCodes")
	restored := b.template(t, "POST", "sms/restore", `{"version":1}`)
	require.Equal(t, want, restored.json(t)["templateCodes"])

	for name, c := range map[string]struct{ codes, field string }{
		"a number":          {`{"other":4711}`, "templateCodes.other"},
		"no name":           {`{"a b":"1"}`, "templateCodes"},
		"a long one":        {`{"other":"` + strings.Repeat("x", 129) + `"}`, "templateCodes.other"},
		"no object":         {`["other"]`, "templateCodes"},
		"more than it will": {`{"p1":"1","p2":"1","p3":"1","p4":"1","p5":"1","p6":"1","p7":"1","p8":"1","p9":"1","p10":"1","p11":"1","p12":"1","p13":"1","p14":"1","p15":"1","p16":"1","p17":"1"}`, "templateCodes"},
	} {
		a := b.template(t, "PUT", "sms", `{"templateCode":"SMS_1","templateCodes":`+c.codes+`}`)
		require.Equal(t, http.StatusBadRequest, a.status, name)
		_, field := a.problem(t)
		require.Equal(t, c.field, field, name)
	}
}

// The answer of one template says what became of what was made from it: of the app's own deliveries,
// to an administrator of all. Its page shows the same.
func TestFiguresOfATemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, name := range []string{"used", "unused"} {
		b.store.templates[name] = store.Template{Name: name, Channel: "email", Body: "x", Version: 1, Owner: "editor"}
	}
	accepted := func(app, name string) any {
		return b.call(t, request{method: "GET", path: "/api/v1/templates/" + name, app: app}).json(t)["lastDay"].(map[string]any)["accepted"]
	}
	require.EqualValues(t, 3, accepted("editor", "used"))
	require.EqualValues(t, 30, accepted("root", "used"))
	require.EqualValues(t, 0, accepted("editor", "unused"))
	require.NotContains(t, b.call(t, request{method: "GET", path: "/api/v1/templates", app: "editor"}).text, "lastDay")

	cookies := b.signIn(t, "root")
	page := b.browse(t, http.MethodGet, "/console/templates/used", nil, cookies).text
	require.Contains(t, page, "<dd>30</dd>")
	require.Contains(t, page, `href="/console/notifications?template=used"`)
	require.Contains(t, b.browse(t, http.MethodGet, "/console/templates/unused", nil, cookies).text, "Nothing was made from it in the last day.")
}
