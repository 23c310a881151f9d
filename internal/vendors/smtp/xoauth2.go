package smtp

import (
	"strings"

	"github.com/emersion/go-sasl"
)

// xoauth2 is the mechanism by which Google and Microsoft take access tokens. The server
// follows https://developers.google.com/workspace/gmail/imap/xoauth2-protocol: a refused
// client first gets a challenge that says why, answers it with nothing, and then gets
// the refusal.
const xoauth2 = "XOAUTH2"

// xoauth2Refusal is the challenge of Google's page.
const xoauth2Refusal = `{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}`

// TakeTokens makes the server accept valid access tokens of the account, by XOAUTH2,
// and no password.
func (s *Server) TakeTokens(valid func(token string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.valid = valid
}

func (s *Server) tokens() func(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.valid
}

// xoauth2Server is the server's side of one login.
type xoauth2Server struct {
	check   func(username, token string) error
	refusal error
}

// Next implements sasl.Server.
func (s *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.refusal != nil {
		return nil, true, s.refusal
	}
	rest, fits := strings.CutPrefix(string(response), "user=")
	username, rest, hasUser := strings.Cut(rest, "\x01auth=Bearer ")
	token, hasEnd := strings.CutSuffix(rest, "\x01\x01")
	if !fits || !hasUser || !hasEnd || strings.Contains(username+token, "\x01") {
		return nil, true, sasl.ErrUnexpectedClientResponse
	}
	if s.refusal = s.check(username, token); s.refusal != nil {
		return []byte(xoauth2Refusal), false, nil
	}
	return nil, true, nil
}
