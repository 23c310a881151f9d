// Package apitest validates requests and answers of the API against its description.
package apitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
)

var description = sync.OnceValues(func() (validator.Validator, error) {
	spec, err := api.OpenAPI(channels.RecipientTypeNames(builtin.Types()...))
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(spec)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

func load(t testing.TB) validator.Validator {
	t.Helper()
	v, err := description()
	require.NoError(t, err)
	return v
}

// Validate fails the test when the status, content type or body of an answer is not
// described. The answer's body can be read afterwards.
func Validate(t testing.TB, req *http.Request, resp *http.Response) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	resp.Body = io.NopCloser(bytes.NewReader(body))
	copied := *resp
	copied.Body = io.NopCloser(bytes.NewReader(body))

	if ok, errs := load(t).ValidateHttpResponse(req, &copied); !ok {
		var reasons strings.Builder
		for _, e := range errs {
			reasons.WriteString("\n" + e.Message + ": " + e.Reason)
			for _, s := range e.SchemaValidationErrors {
				reasons.WriteString("\n  " + s.FieldPath + " " + s.Reason)
			}
		}
		t.Fatalf("%s %s answered %d, which openapi.yaml does not allow:%s\n%s",
			req.Method, req.URL.Path, resp.StatusCode, reasons.String(), body)
	}
}

// Describes reports whether the description allows the body of a request.
func Describes(t testing.TB, method, path string, body []byte) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	ok, _ := load(t).GetRequestBodyValidator().ValidateRequestBody(req)
	return ok
}
