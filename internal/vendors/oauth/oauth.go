// Package oauth is a simulated token endpoint.
//
// At MicrosoftPath it follows "OAuth 2.0 client credentials flow on the Microsoft
// identity platform" (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)
// and the error codes of https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
// At GooglePath it follows "Using OAuth 2.0 for Server to Server Applications"
// (https://developers.google.com/identity/protocols/oauth2/service-account).
package oauth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Paths of the endpoints.
const (
	MicrosoftPath = "/contoso.example/oauth2/v2.0/token"
	GooglePath    = "/token"
)

// Token is the operation of both endpoints, for Fault.Where and Requests. A fault's Code
// is an OAuth error and its Message the description.
const Token = "token"

// Scopes that the endpoints know.
const (
	MicrosoftScope = "https://outlook.office365.com/.default"
	GoogleScope    = "https://mail.google.com/"
)

// Fault is a misbehaviour of an endpoint.
type Fault = vendors.Fault

// Server knows one application and one service account that may act as user.
type Server struct {
	*vendors.API
	user               string
	clientID, secret   string
	accountMail, keyID string
	key                *rsa.PrivateKey

	mu     sync.Mutex
	tokens map[string]time.Time // when they expire
	life   time.Duration        // of new tokens
}

// New returns a server without tokens.
func New(clientID, secret, user string) (*Server, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	s := &Server{
		API: vendors.NewAPI(vendors.NewInbox()), user: user, clientID: clientID, secret: secret,
		accountMail: "notify@project.iam.gserviceaccount.com", keyID: "6a1c", key: key,
		tokens: map[string]time.Time{}, life: 3599 * time.Second,
	}
	s.handle(MicrosoftPath, s.microsoft)
	s.handle(GooglePath, s.google)
	return s, nil
}

func (s *Server) handle(path string, grant func(url.Values) vendors.Answer) {
	s.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		effect := func(body []byte) vendors.Answer {
			form, err := url.ParseQuery(string(body))
			if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				return refuse(http.StatusBadRequest, "invalid_request", "AADSTS900144: The request body must be a form.")
			}
			return grant(form)
		}
		s.Answer(w, r, Token, effect, func(f Fault) vendors.Answer {
			return refuse(max(f.HTTPStatus, http.StatusBadRequest), f.Code, f.Message)
		})
	})
}

// ServiceAccount returns the key file of the service account, as Google's console gives
// it. base is the server's address.
func (s *Server) ServiceAccount(base string) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return "", err
	}
	file, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "project", "private_key_id": s.keyID, "client_email": s.accountMail,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_id":   "1042", "token_uri": base + GooglePath,
	}, "", "  ")
	return string(file), err
}

// Valid reports whether the server has given out the token and it has not expired.
func (s *Server) Valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.tokens[token])
}

// Revoke makes all tokens invalid.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// SetLife sets how long new tokens are valid.
func (s *Server) SetLife(life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = life
}

// grant answers with a new token.
func (s *Server) grant(prefix string) vendors.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := prefix + strings.Repeat(rand.Text(), 4)
	s.tokens[token] = time.Now().Add(s.life)
	return vendors.Answer{Status: http.StatusOK, Body: map[string]any{
		"token_type": "Bearer", "expires_in": int(s.life.Seconds()), "access_token": token,
	}}
}

// refuse answers with an error.
func refuse(status int, code, description string) vendors.Answer {
	return vendors.Answer{Status: status, Body: map[string]any{"error": code, "error_description": description}}
}

func (s *Server) microsoft(form url.Values) vendors.Answer {
	switch {
	case form.Get("grant_type") != "client_credentials":
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
	case form.Get("client_id") != s.clientID:
		return refuse(http.StatusBadRequest, "unauthorized_client", "AADSTS700016: Application with identifier '"+form.Get("client_id")+"' was not found in the directory.")
	case form.Get("client_secret") != s.secret:
		return refuse(http.StatusUnauthorized, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
	case form.Get("scope") != MicrosoftScope:
		return refuse(http.StatusBadRequest, "invalid_scope", "AADSTS70011: The provided value for the input parameter 'scope' is not valid.")
	}
	return s.grant("eyJ0eXAiOiJKV1Qi.")
}

func (s *Server) google(form url.Values) vendors.Answer {
	if form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+form.Get("grant_type"))
	}
	header, claims, err := s.verify(form.Get("assertion"))
	now := time.Now().Unix()
	switch {
	case err != nil || header.Algorithm != "RS256" || header.KeyID != s.keyID:
		return refuse(http.StatusBadRequest, "invalid_grant", "Invalid JWT Signature.")
	case claims.Issuer != s.accountMail || !strings.HasSuffix(claims.Audience, GooglePath):
		return refuse(http.StatusBadRequest, "invalid_grant", "Invalid JWT: Failed audience check.")
	case claims.Issued > now+60 || claims.Expires < now || claims.Expires-claims.Issued > 3600:
		return refuse(http.StatusBadRequest, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
	case claims.Subject != s.user || !slices.Contains(strings.Fields(claims.Scope), GoogleScope):
		return refuse(http.StatusUnauthorized, "unauthorized_client",
			"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.")
	}
	return s.grant("ya29.")
}

type joseHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

type claimSet struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Scope    string `json:"scope"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// verify parses an assertion and checks its signature.
func (s *Server) verify(assertion string) (header joseHeader, claims claimSet, err error) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return header, claims, errors.New("not three parts")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err == nil {
		err = rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], raw)
	}
	for i, into := range []any{&header, &claims} {
		if err == nil {
			raw, err = base64.RawURLEncoding.DecodeString(parts[i])
		}
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
	}
	return header, claims, err
}
