package feishuwebhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// maxBody is the largest request that is sent, in bytes. Feishu's page for bots says 20 KB
// and its error 19036 says 30 KB, so its answer decides about what is between.
const maxBody = 30 << 10

// envelope is room for what a request has beside the message, in bytes: the signature, and
// the tag that mentions the recipient.
const envelope = 512

// payload is a request of the bot's webhook.
type payload struct {
	Timestamp string `json:"timestamp,omitempty"`
	Sign      string `json:"sign,omitempty"`
	MsgType   string `json:"msg_type"`
	Content   any    `json:"content,omitempty"`
	Card      any    `json:"card,omitempty"`
}

func newPayload(m channels.Message) (payload, error) {
	mention := mentioned(m.Mention)
	switch m.MsgType {
	case msgText:
		users := mention
		if m.Recipient.Type == channels.RecipientFeishuUserID {
			users = append([]string{m.Recipient.Value}, slices.DeleteFunc(mention, func(id string) bool { return id == m.Recipient.Value })...)
		}
		return payload{MsgType: m.MsgType, Content: map[string]string{"text": feishucard.MentionInText(m.Body, users)}}, nil
	case msgPost:
		post, err := feishucard.MentionInPost(m.Body, mention)
		return payload{MsgType: m.MsgType, Content: map[string]any{"post": json.RawMessage(post)}}, cannotMention(err)
	case msgInteractive:
		card, err := feishucard.MentionInCard(m.Body, mention)
		return payload{MsgType: m.MsgType, Card: json.RawMessage(card)}, cannotMention(err)
	default:
		return payload{}, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
}

// mentioned returns the ids of the people.
func mentioned(people []channels.Recipient) []string {
	ids := make([]string, len(people))
	for i, person := range people {
		ids[i] = person.Value
	}
	return ids
}

func cannotMention(err error) error {
	if err == nil {
		return nil
	}
	return channels.PermanentError("mention", err.Error())
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

// checkRecipient returns an error when the bot does not accept the recipient.
func checkRecipient(r channels.Recipient) error {
	switch r.Type {
	case channels.RecipientEmail, channels.RecipientFeishuGroup: // nobody is mentioned
		return nil
	case channels.RecipientFeishuUserID:
		return checkUser(r.Value)
	}
	return errors.New("is no recipient of a Feishu group")
}

// checkUser returns an error when the bot cannot mention the user.
func checkUser(id string) error {
	if strings.HasPrefix(id, "on_") { // it would be shown as text and mention nobody
		return errors.New("is a union_id; a bot mentions by open_id or user_id")
	}
	return feishucard.CheckUser(id)
}
