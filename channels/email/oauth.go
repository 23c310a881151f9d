package email

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// googleScope lets a service account send mail as a user
// (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol).
const googleScope = "https://mail.google.com/"

// OAuth configures how access tokens are fetched.
type OAuth struct {
	TokenURL       string `yaml:"tokenUrl" doc:"where access tokens are fetched with clientId"`
	ClientID       string `yaml:"clientId" doc:"the application, by the client credentials grant"`
	ClientSecret   string `yaml:"clientSecret" secret:"true" doc:"the application's secret"`
	Scope          string `yaml:"scope" doc:"scopes, separated by spaces; empty: none, and https://mail.google.com/ for a service account"`
	ServiceAccount string `yaml:"serviceAccount" secret:"true" doc:"key (JSON) of a Google service account that acts as username; usually by serviceAccountFile"`
}

// grant is a way to get access tokens (of clientcredentials or jwt).
type grant interface {
	TokenSource(ctx context.Context) oauth2.TokenSource
}

// grant returns how username's tokens are fetched; nil when OAuth is not configured.
// Its errors do not repeat secrets.
func (o OAuth) grant(username string) (grant, error) {
	scopes := strings.Fields(o.Scope)
	switch {
	case o == OAuth{}:
		return nil, nil
	case o.ServiceAccount == "":
		if o.ClientID == "" || o.ClientSecret == "" {
			return nil, channels.KeyErrorf("oauth.clientId", "it and clientSecret are required, or serviceAccount")
		}
		if err := checkTokenURL(o.TokenURL); err != nil {
			return nil, channels.KeyErrorf("oauth.tokenUrl", "%w", err)
		}
		return &clientcredentials.Config{
			ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: scopes,
			AuthStyle: oauth2.AuthStyleInParams, // as Microsoft documents it; to find out would cost a request
		}, nil
	case o.ClientID != "" || o.ClientSecret != "" || o.TokenURL != "":
		return nil, channels.KeyErrorf("oauth.serviceAccount", "its key names all but the scope; leave clientId, clientSecret and tokenUrl out")
	}
	if len(scopes) == 0 {
		scopes = []string{googleScope}
	}
	account, err := parseServiceAccount(o.ServiceAccount)
	if err != nil {
		return nil, channels.KeyErrorf("oauth.serviceAccount", "%w", err)
	}
	account.Subject, account.Scopes = username, scopes
	return account, nil
}

// parseServiceAccount parses the key file of a Google service account.
func parseServiceAccount(text string) (*jwt.Config, error) {
	var key struct {
		Email      string `json:"client_email"`
		KeyID      string `json:"private_key_id"`
		PrivateKey string `json:"private_key"`
		TokenURL   string `json:"token_uri"`
	}
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		return nil, errors.New("is not JSON")
	}
	if key.Email == "" || key.PrivateKey == "" {
		return nil, errors.New("is not a service account's key: client_email or private_key is missing")
	}
	if err := checkTokenURL(key.TokenURL); err != nil {
		return nil, errors.New("its token_uri " + err.Error())
	}
	block, _ := pem.Decode([]byte(key.PrivateKey))
	if block == nil {
		return nil, errors.New("its private_key is not PEM")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if _, ok := private.(*rsa.PrivateKey); err != nil || !ok {
		return nil, errors.New("its private_key is not an RSA key in PKCS #8")
	}
	return &jwt.Config{Email: key.Email, PrivateKeyID: key.KeyID, PrivateKey: []byte(key.PrivateKey), TokenURL: key.TokenURL}, nil
}

// checkTokenURL checks the address that a secret is sent to.
func checkTokenURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not an https address")
	case u.User != nil || u.Fragment != "":
		return errors.New("must have neither a user nor a fragment")
	case u.Scheme == "http" && !vendorhttp.Loopback(u.Hostname()):
		return errors.New("must begin with https://, because the secret would travel in the clear")
	}
	return nil
}

// newTokens returns the access tokens of the account; nil when OAuth is not configured.
func (c *Config) newTokens() (*tokens, error) {
	g, err := c.OAuth.grant(c.Username)
	if g == nil || err != nil {
		return nil, err
	}
	return &tokens{
		username: c.Username, secret: c.OAuth.ClientSecret, grant: g,
		transport: vendorhttp.NewClient().Transport, turn: make(chan struct{}, 1),
	}, nil
}
