package volcengine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// The vendor's signature, written from its description:
// https://www.volcengine.com/docs/6358/166389

const (
	algorithm = "HMAC-SHA256"
	service   = "vms"
	version   = "2022-01-01"
	// maxSkew is how far the client's clock may be off.
	maxSkew = 15 * time.Minute
)

// authenticate checks the signature and the account. It runs with v.mu held.
func (v *VMS) authenticate(r *http.Request, body []byte) (answer, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return refused(http.StatusUnauthorized, "MissingAuthenticationToken", "Request is missing Authentication Token"), false
	}
	auth, ok := parseAuthorization(header)
	date, err := time.Parse("20060102T150405Z", r.Header.Get("X-Date"))
	switch {
	case !ok || !slices.Contains(auth.signedHeaders, "host") || !slices.Contains(auth.signedHeaders, "x-date"):
		return refused(http.StatusBadRequest, "InvalidAuthorization", "Invalid 'Authorization' header, Pls check authorization header."), false
	case auth.service != service || err != nil || auth.day != date.Format("20060102"):
		return refused(http.StatusBadRequest, "InvalidCredential", "Invalid credential in 'Authorization', Pls check credential in authorization header."), false
	case auth.accessKeyID != v.accessKeyID:
		return refused(http.StatusUnauthorized, "InvalidAccessKey", "The accesskey ["+auth.accessKeyID+"] included in the request is invalid."), false
	case time.Since(date).Abs() > maxSkew:
		return refused(http.StatusForbidden, "InvalidTimestamp", "The Signature of the request is expired"), false
	case !hmac.Equal([]byte(auth.signature), []byte(sign(r, body, auth, v.accessKeySecret))):
		return refused(http.StatusUnauthorized, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your Secret Access Key and signing method."), false
	}
	return answer{}, true
}

// authorization is a parsed Authorization header.
type authorization struct {
	accessKeyID, day, region, service string
	signedHeaders                     []string
	signature                         string
}

func parseAuthorization(header string) (authorization, bool) {
	var a authorization
	fields, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return a, false
	}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "request" {
				return a, false
			}
			a.accessKeyID, a.day, a.region, a.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.accessKeyID != "" && a.signature != "" && slices.IsSorted(a.signedHeaders)
}

// sign returns the right signature of the request.
func sign(r *http.Request, body []byte, auth authorization, secret string) string {
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), vendors.CanonicalQuery(r.URL.Query()), vendors.CanonicalHeader(r, auth.signedHeaders),
		strings.Join(auth.signedHeaders, ";"), hash(body),
	}, "\n")
	scope := strings.Join([]string{auth.day, auth.region, auth.service, "request"}, "/")
	text := strings.Join([]string{algorithm, r.Header.Get("X-Date"), scope, hash([]byte(canonical))}, "\n")

	key := []byte(secret)
	for _, part := range []string{auth.day, auth.region, auth.service, "request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
