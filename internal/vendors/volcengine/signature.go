package volcengine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The vendor's signature, written from its description:
// https://www.volcengine.com/docs/6358/166389

const (
	algorithm = "HMAC-SHA256"
	service   = "vms"
	version   = "2022-01-01"
	// maxSkew is how far the request's clock may be off.
	maxSkew = 15 * time.Minute
)

// authenticate checks who sends the request. It runs with v.mu held.
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

// authorization is the Authorization header taken apart.
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

// sign returns the signature that the request ought to have.
func sign(r *http.Request, body []byte, auth authorization, secret string) string {
	var headers strings.Builder
	for _, name := range auth.signedHeaders {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query()), headers.String(),
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

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escape percent-encodes all but the unreserved characters of RFC 3986.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
