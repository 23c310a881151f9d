package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/theory/jsonpath"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// sender posts to one receiver.
type sender struct {
	*hook.Client
	config Config
	signer *standardwebhooks.Webhook // nil: requests are not signed
	path   *jsonpath.Path            // nil: the status alone is the answer
}

var (
	_ channels.Sender  = (*sender)(nil)
	_ channels.Prober  = (*sender)(nil)
	_ channels.Checker = (*sender)(nil)
)

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	_, err := compose(m)
	return err
}

// compose returns the body of a request.
func compose(m channels.Message) ([]byte, error) {
	if m.Recipient.Type != channels.RecipientWebhook {
		return nil, channels.PermanentError("recipient_type", "no webhook: "+m.Recipient.Type)
	}
	switch m.MsgType {
	case msgText:
		return vendorhttp.EncodeJSON(struct {
			Subject string `json:"subject,omitempty"`
			Text    string `json:"text"`
		}{m.Subject, m.Body})
	case msgJSON:
		if !json.Valid([]byte(m.Body)) {
			return nil, channels.PermanentError("not_json", "the body is not JSON")
		}
		return []byte(m.Body), nil
	default:
		return nil, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
}

// Send implements channels.Sender. The receipt's details are the answer's status.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	body, err := compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	req, err := s.request(ctx, m, body, time.Now())
	if err != nil {
		return channels.Receipt{}, err
	}
	reply, err := s.Do(req)
	if err != nil {
		return channels.Receipt{}, err
	}
	if err := s.refusal(reply.Status, reply.Body); err != nil {
		return channels.Receipt{}, err
	}
	return channels.Receipt{Details: map[string]any{"status": reply.Status}}, nil
}

// request returns a request with the headers of Standard Webhooks. Its id is the delivery's, the
// same on every attempt, so that the receiver can drop a message that it has.
func (s *sender) request(ctx context.Context, m channels.Message, body []byte, now time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, s.config.Method, s.URL().String(), bytes.NewReader(body))
	if err != nil {
		return nil, channels.PermanentError("internal", "the request cannot be made") // Validate has checked it
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "sealos-notify")
	if s.config.Authorization != "" {
		req.Header.Set("Authorization", s.config.Authorization)
	}
	for name, value := range s.config.Headers {
		req.Header.Set(name, value)
	}
	id := m.DeliveryID.String()
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	if s.signer != nil {
		signature, err := s.signer.Sign(id, now, body)
		if err != nil {
			return nil, channels.PermanentError("internal", "the request cannot be signed")
		}
		req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	}
	return req, nil
}

// refusal returns the error of an answer, or nil. Nothing of the answer is shown but the value that
// was asked for: receivers repeat what they were sent.
func (s *sender) refusal(status int, body []byte) error {
	switch {
	case !s.config.Success.has(status):
		return statusError(status)
	case s.path == nil:
		return nil
	}
	value, found := s.valueIn(body)
	if !found {
		return vendorhttp.UnexpectedAnswer()
	}
	if value == s.config.Success.Value {
		return nil
	}
	return &channels.Error{
		Class: channels.Transient, Code: "webhook_refused", OfMessage: true,
		Message: channels.CleanText("the receiver's answer has " + channels.FirstLine(channels.Redact(value, s.secrets()...)) + " at " + s.config.Success.Path),
	}
}

// has reports whether the status means success.
func (s Success) has(status int) bool {
	if len(s.Status) == 0 {
		return status/100 == 2
	}
	return slices.Contains(s.Status, status)
}

// statusError returns the error of a status. Those that are about one message are permanent.
func statusError(status int) *channels.Error {
	e := vendorhttp.StatusError(status)
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		e.Class = channels.Permanent
	}
	if status/100 == 2 || status/100 == 4 {
		e.Message = "the receiver answers HTTP " + strconv.Itoa(status)
	}
	return e
}

// valueIn returns the text of the one value that the path has in an answer; false when there is
// none, or several.
func (s *sender) valueIn(body []byte) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // as they are written
	var document any
	if decoder.Decode(&document) != nil {
		return "", false
	}
	values := s.path.Select(document)
	if len(values) != 1 {
		return "", false
	}
	if text, is := values[0].(string); is {
		return text, true
	}
	encoded, err := vendorhttp.EncodeJSON(values[0])
	return string(encoded), err == nil
}

// secrets are the values of the configuration that no error may show.
func (s *sender) secrets() []string {
	secrets := []string{s.config.Secret, s.URL().RequestURI(), s.URL().Path, s.URL().RawQuery}
	for _, value := range append(slices.Collect(maps.Values(s.config.Headers)), s.config.Authorization) {
		_, token, _ := strings.Cut(value, " ") // without its scheme, such as Bearer
		secrets = append(secrets, value, token)
	}
	return slices.DeleteFunc(secrets, func(secret string) bool { return len(secret) < 2 })
}
