package volcengine

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// The example of the vendor's description of its signature:
// https://www.volcengine.com/docs/6369/67270
func TestDocumentedSignature(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "https://iam.volcengineapi.com/?Action=ListUsers&Version=2018-01-01&Limit=10&Offset=0", nil)
	r.Header.Set("X-Date", "20240619T071306Z")
	auth, ok := parseAuthorization("HMAC-SHA256 Credential=AKLTexample/20240619/cn-beijing/iam/request, " +
		"SignedHeaders=host;x-date, Signature=e31c4558bcfe08a286001f59cedbf0791ffd0b2362f10e55ee2627467bcdde93")
	require.True(t, ok)
	// The secret is the description's, and valid nowhere.
	require.Equal(t, auth.signature, sign(r, nil, auth, "WkRZeE1EQmxPVGhsWWpWak5HVmtNbUUxTXpZeU9UVXlOMlE1TmpZeVlqTQ=="))
}
