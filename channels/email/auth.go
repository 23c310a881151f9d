package email

import (
	"context"
	"errors"
	"net/textproto"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"github.com/labring/sealos-notify/channels"
)

// AUTH mechanisms.
const (
	authPlain   = "PLAIN"
	authLogin   = "LOGIN"
	authCRAMMD5 = "CRAM-MD5"
	authXOAuth2 = "XOAUTH2"
)

// refusedToken is the server's refusal of an access token.
type refusedToken struct {
	error
	token string
}

// Unwrap returns the reply.
func (e *refusedToken) Unwrap() error { return e.error }

// authenticate logs in when there is an account. A token that the server has just
// refused is not used again.
func (s *sender) authenticate(ctx context.Context, client *smtp.Client, refused string) error {
	username, password := s.config.Username, s.config.Password
	if username == "" {
		return nil
	}
	_, line := client.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(line))
	if s.tokens != nil {
		return s.authenticateByToken(ctx, client, offered, refused)
	}
	switch {
	case slices.Contains(offered, authPlain):
		return client.Auth(smtp.PlainAuth("", username, password, s.config.Host, false))
	case slices.Contains(offered, authLogin):
		return client.Auth(smtp.LoginAuth(username, password, s.config.Host, false))
	case slices.Contains(offered, authCRAMMD5):
		return client.Auth(smtp.CRAMMD5Auth(username, password))
	}
	return authMissing("AUTH PLAIN, LOGIN or CRAM-MD5")
}

func (s *sender) authenticateByToken(ctx context.Context, client *smtp.Client, offered []string, refused string) error {
	if !slices.Contains(offered, authXOAuth2) {
		return authMissing("AUTH XOAUTH2")
	}
	token, err := s.tokens.get(ctx, refused)
	if err != nil {
		return err
	}
	err = client.Auth(smtp.XOAuth2Auth(s.config.Username, token))
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code == 535 {
		return &refusedToken{err, token}
	}
	return err
}

func authMissing(mechanisms string) error {
	return &channels.Error{Class: channels.Misconfigured, Code: "auth_missing", Message: "the mail server does not offer " + mechanisms}
}
