package aliyun

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

// The vendor's signature method V3, written from its description:
// https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature

const (
	algorithm = "ACS3-HMAC-SHA256"
	version   = "2017-05-25"
	// maxSkew is how far the client's clock may be off.
	maxSkew = 15 * time.Minute
)

// authenticate checks the signature and the account. It runs with s.mu held.
func (s *SMS) authenticate(r *http.Request, body []byte) (answer, bool) {
	auth := parseAuthorization(r.Header.Get("Authorization"))
	date, err := time.Parse("2006-01-02T15:04:05Z", r.Header.Get("X-Acs-Date"))
	nonce := r.Header.Get("X-Acs-Signature-Nonce")
	hash := sha256.Sum256(body)
	switch {
	case auth.credential == "" || auth.signature == "" || nonce == "" || !auth.covers(r.Header):
		return rejected(http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards."), false
	case auth.credential != s.accessKeyID:
		return rejected(http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found."), false
	case err != nil || time.Since(date).Abs() > maxSkew:
		return rejected(http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."), false
	}
	canonical := canonicalRequest(r, auth.signedHeaders)
	if r.Header.Get("X-Acs-Content-Sha256") != hex.EncodeToString(hash[:]) ||
		!hmac.Equal([]byte(auth.signature), []byte(sign(canonical, s.accessKeySecret))) {
		return rejected(http.StatusBadRequest, "SignatureDoesNotMatch",
			"Specified signature is not matched with our calculation. server string to sign is:"+stringToSign(canonical)+
				" server canonical request is:"+canonical), false
	}
	if s.nonces[nonce] {
		return rejected(http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already."), false
	}
	s.nonces[nonce] = true
	if r.Header.Get("X-Acs-Version") != version {
		return rejected(http.StatusNotFound, "InvalidVersion", "Specified parameter Version is not valid."), false
	}
	return answer{}, true
}

// authorization is a parsed Authorization header.
type authorization struct {
	credential, signature string
	signedHeaders         []string
}

func parseAuthorization(header string) authorization {
	var a authorization
	fields, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return a
	}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			a.credential = value
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a
}

// covers reports whether all headers are signed that must be: the host, the content
// type and the vendor's own.
func (a authorization) covers(h http.Header) bool {
	if !slices.Contains(a.signedHeaders, "host") || !slices.IsSorted(a.signedHeaders) {
		return false
	}
	for name := range h {
		name = strings.ToLower(name)
		if (name == "content-type" || strings.HasPrefix(name, "x-acs-")) && !slices.Contains(a.signedHeaders, name) {
			return false
		}
	}
	return true
}

func canonicalRequest(r *http.Request, signedHeaders []string) string {
	return strings.Join([]string{
		r.Method, r.URL.EscapedPath(), vendors.CanonicalQuery(r.URL.Query()), vendors.CanonicalHeader(r, signedHeaders),
		strings.Join(signedHeaders, ";"), r.Header.Get("X-Acs-Content-Sha256"),
	}, "\n")
}

func stringToSign(canonicalRequest string) string {
	hash := sha256.Sum256([]byte(canonicalRequest))
	return algorithm + "\n" + hex.EncodeToString(hash[:])
}

func sign(canonicalRequest, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stringToSign(canonicalRequest)))
	return hex.EncodeToString(mac.Sum(nil))
}
