package feishuwebhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// maxBody is the largest request that is sent, in bytes. Feishu's page for bots says 20 KB
// and its error 19036 says 30 KB, so its answer decides about what is between.
const maxBody = 30 << 10

// envelope is room for what a request has beside the message, in bytes: the signature, and
// the tag that mentions the recipient.
const envelope = 512

// userID matches the id of a Feishu user. Nothing else may stand in the tag that
// mentions the user.
var userID = regexp.MustCompile(`^[A-Za-z0-9._@-]+$`)

// payload is a request of the bot's webhook.
type payload struct {
	Timestamp string `json:"timestamp,omitempty"`
	Sign      string `json:"sign,omitempty"`
	MsgType   string `json:"msg_type"`
	Content   any    `json:"content,omitempty"`
	Card      any    `json:"card,omitempty"`
}

func newPayload(m channels.Message) (payload, error) {
	switch m.MsgType {
	case msgText:
		return payload{MsgType: m.MsgType, Content: map[string]string{"text": mention(m.Recipient) + m.Body}}, nil
	case msgPost:
		return payload{MsgType: m.MsgType, Content: map[string]any{"post": json.RawMessage(m.Body)}}, nil
	case msgInteractive:
		return payload{MsgType: m.MsgType, Card: json.RawMessage(m.Body)}, nil
	default:
		return payload{}, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
}

// sign adds the signature. Feishu's signature is an HMAC of the empty text whose key
// is made of the time and the secret.
func (p *payload) sign(secret string, now time.Time) {
	p.Timestamp = strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(p.Timestamp+"\n"+secret))
	p.Sign = base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (p *payload) encode() ([]byte, error) {
	body, err := vendorhttp.EncodeJSON(p)
	if err != nil {
		return nil, channels.PermanentError("not_json", "the body of a "+p.MsgType+" message is not JSON")
	}
	if len(body) > maxBody {
		return nil, channels.PermanentError("too_long", fmt.Sprintf("the request is %d bytes long; a bot takes %d", len(body), maxBody))
	}
	return body, nil
}

// mention returns the tag that mentions the recipient. It is empty for an e-mail
// address, by which a bot cannot find a user.
func mention(r channels.Recipient) string {
	if r.Type != channels.RecipientFeishuUserID {
		return ""
	}
	return `<at user_id="` + r.Value + `"></at> `
}

// checkRecipient returns an error when the bot does not accept the recipient.
func checkRecipient(r channels.Recipient) error {
	switch {
	case r.Type == channels.RecipientEmail:
		return nil
	case r.Type != channels.RecipientFeishuUserID:
		return errors.New("is no recipient of a Feishu group")
	case strings.EqualFold(r.Value, "all"): // would mention everybody
		return errors.New("is not the id of one user")
	case strings.HasPrefix(r.Value, "on_"): // it would be shown as text and mention nobody
		return errors.New("is a union_id; a bot mentions by open_id or user_id")
	case !userID.MatchString(r.Value):
		return errors.New("is not an id of a Feishu user")
	}
	return nil
}
