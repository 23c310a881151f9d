package voice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Parts of the vendor's signature: https://www.volcengine.com/docs/6369/67269
const (
	algorithm      = "HMAC-SHA256"
	service        = "vms"
	scopeEnd       = "request"
	signatureTime  = "20060102T150405Z"
	headerDate     = "X-Date"
	headerBodyHash = "X-Content-Sha256"
)

// sign sets the headers that authenticate a request. All headers of the request are signed, and must be set
// before.
func (c *client) sign(req *http.Request, body []byte, now time.Time) {
	date := now.UTC().Format(signatureTime)
	req.Header.Set(headerDate, date)
	req.Header.Set(headerBodyHash, hash(body))

	// In the order of their names.
	names, values := []string{"host", "x-content-sha256", "x-date"}, []string{signedHost(req.URL.Host), hash(body), date}
	if kind := req.Header.Get("Content-Type"); kind != "" {
		names, values = append([]string{"content-type"}, names...), append([]string{kind}, values...)
	}
	var headers strings.Builder
	for i, name := range names {
		headers.WriteString(name + ":" + values[i] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{
		req.Method, req.URL.EscapedPath(), strings.ReplaceAll(req.URL.Query().Encode(), "+", "%20"), headers.String(), signed, hash(body),
	}, "\n")

	scope := []string{date[:len("20060102")], c.region, service, scopeEnd}
	key := []byte(c.accessKeySecret)
	for _, part := range scope {
		key = mac(key, part)
	}
	where := strings.Join(scope, "/")
	signature := hex.EncodeToString(mac(key, strings.Join([]string{algorithm, date, where, hash([]byte(canonical))}, "\n")))
	req.Header.Set("Authorization", algorithm+" Credential="+c.accessKeyID+"/"+where+", SignedHeaders="+signed+", Signature="+signature)
}

// signedHost returns the host without a port that is a scheme's own.
func signedHost(host string) string {
	for _, port := range []string{":80", ":443"} {
		if name, own := strings.CutSuffix(host, port); own {
			return name
		}
	}
	return host
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
