package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
)

func TestVersionsOfATemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	a := b.call(t, request{method: "PUT", path: "/api/v1/templates/feishu-incident", app: "root", body: `{"body":"two"}`})
	require.Equal(t, 200, a.status)
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", `{"body":"three"}`).status)

	for query, want := range map[string]string{
		"":                 "[3 editor] [2 root] [1 editor] next <nil>",
		"?limit=2":         "[3 editor] [2 root] next 2",
		"?limit=2&after=2": "[1 editor] next <nil>",
		"?after=1":         "next <nil>",
	} {
		v := b.template(t, "GET", "feishu-incident/versions"+query, "").json(t)
		got := ""
		for _, item := range v["versions"].([]any) {
			version := item.(map[string]any)
			require.NotEmpty(t, version["createdAt"])
			require.Equal(t, false, version["deleted"])
			require.Len(t, version, 4)
			got += fmt.Sprintf("[%v %v] ", version["version"], version["createdBy"])
		}
		require.Equal(t, want, got+fmt.Sprintf("next %v", v["next"]), query)
	}

	v := b.template(t, "GET", "feishu-incident/versions/1", "").json(t)
	require.NotEmpty(t, v["createdAt"])
	delete(v, "createdAt")
	require.Equal(t, map[string]any{
		"name": "feishu-incident", "version": 1.0, "channel": "feishu_app", "description": "d", "subject": "",
		"body": "[{{ .severity }}]", "msgType": "text", "templateCode": "", "createdBy": "editor",
		"owner": "editor", "private": false, "deleted": false,
	}, v)

	for path, status := range map[string]int{
		"feishu-incident/versions/4": 404, "none/versions": 404, "none/versions/1": 404,
		"feishu-incident/versions/0": 400, "feishu-incident/versions/x": 400, "feishu-incident/versions?limit=501": 400,
		"feishu-incident/versions?after=-1": 400,
	} {
		require.Equal(t, status, b.template(t, "GET", path, "").status, path)
	}
}

func TestRestoreTemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", `{"body":"two"}`).status)

	a := b.template(t, "POST", "feishu-incident/restore", `{"version":1}`)
	require.Equal(t, 200, a.status, a.text)
	v := a.json(t)
	require.Equal(t, "[{{ .severity }}]", v["body"])
	require.Equal(t, "d", v["description"])
	require.Equal(t, 3.0, v["version"])
	requireSameTemplate(t, a, b.template(t, "GET", "feishu-incident", ""))

	require.Equal(t, 204, b.template(t, "DELETE", "feishu-incident", "").status)
	versions := b.template(t, "GET", "feishu-incident/versions", "").json(t)["versions"].([]any)
	require.Len(t, versions, 4, "they stay")
	require.Equal(t, []any{4.0, "editor", true}, []any{
		versions[0].(map[string]any)["version"], versions[0].(map[string]any)["createdBy"], versions[0].(map[string]any)["deleted"],
	}, "the deletion is one, too")
	require.Equal(t, "[{{ .severity }}]", b.template(t, "GET", "feishu-incident/versions/4", "").json(t)["body"], "what was deleted")
	a = b.template(t, "POST", "feishu-incident/restore", `{"version":2}`)
	require.Equal(t, 200, a.status, a.text)
	require.Equal(t, []any{"two", 5.0}, []any{a.json(t)["body"], a.json(t)["version"]}, "a deleted one is there again")

	require.Equal(t, 204, b.template(t, "DELETE", "feishu-incident", "").status)
	require.Equal(t, 201, b.template(t, "POST", "", `{"name":"feishu-incident","channel":"email","body":"mail"}`).status)
	for body, want := range map[string]struct {
		status      int
		code, field string
	}{
		`{"version":2}`:       {http.StatusUnprocessableEntity, "immutable_field", "version"},
		`{"version":8}`:       {http.StatusNotFound, "not_found", "version"},
		`{"version":0}`:       {http.StatusBadRequest, "invalid_request", "version"},
		`{"version":1.5}`:     {http.StatusBadRequest, "invalid_request", "version"},
		`{"version":"1"}`:     {http.StatusBadRequest, "invalid_request", "version"},
		`{"version":1e12}`:    {http.StatusBadRequest, "invalid_request", "version"},
		`{}`:                  {http.StatusBadRequest, "invalid_request", "version"},
		`{"version":1,"a":1}`: {http.StatusBadRequest, "invalid_request", "a"},
	} {
		a := b.template(t, "POST", "feishu-incident/restore", body)
		require.Equal(t, want.status, a.status, "%s: %s", body, a.text)
		code, field := a.problem(t)
		require.Equal(t, []string{want.code, want.field}, []string{code, field}, body)
		require.Equal(t, want.status != http.StatusBadRequest,
			apitest.Describes(t, "POST", "/api/v1/templates/feishu-incident/restore", []byte(body)), body)
	}
	require.Equal(t, "mail", b.template(t, "GET", "feishu-incident", "").json(t)["body"])
}
