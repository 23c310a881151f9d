package api_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page has every operation and every schema of the description, its links lead somewhere, and
// no script is in it.
func TestDocs(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.browse(t, http.MethodGet, "/docs", nil, nil)
	require.Equal(t, http.StatusOK, a.status)
	policy := a.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "script-src")
	require.NotContains(t, policy, "unsafe")
	require.NotRegexp(t, `(?i)<script|<style|<[^>]*\s(style|on[a-z]+)=`, a.text)

	description := b.browse(t, http.MethodGet, "/openapi.yaml", nil, nil).text
	operations := regexp.MustCompile(`(?m)^ +operationId: (\w+)$`).FindAllStringSubmatch(description, -1)
	require.Greater(t, len(operations), 30)
	for _, o := range operations {
		require.Contains(t, a.text, `id="`+o[1]+`"`)
	}
	schemas := regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(description, -1)
	require.NotEmpty(t, schemas)
	for _, s := range schemas {
		require.Contains(t, a.text, `id="schema-`+s[1]+`"`)
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(a.text, -1) {
		require.Contains(t, a.text, ` id="`+link[1]+`"`)
	}
	for _, text := range []string{"idempotencyKey", "feishu_user_id", "X-App-Id", "Example of the body", "one of high, normal, low"} {
		require.Contains(t, a.text, text)
	}
}
