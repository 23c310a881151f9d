package feishu

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// dedupe is how long a repeated uuid returns the first message.
const dedupe = time.Hour

var receiveIDTypes = []string{"open_id", "user_id", "union_id", "email", "chat_id"}

// maxContent is the largest content of each message type, in bytes.
var maxContent = map[string]int{"text": 150 << 10, "post": 30 << 10, "interactive": 30 << 10}

// createMessage sends a message. It runs with p.mu held, so that a uuid is looked up
// and taken at once.
func (p *Platform) createMessage(r request) answer {
	var body struct {
		ReceiveID string `json:"receive_id"`
		MsgType   string `json:"msg_type"`
		Content   string `json:"content"`
		UUID      string `json:"uuid"`
	}
	idType := r.URL.Query().Get("receive_id_type")
	if err := json.Unmarshal(r.body, &body); err != nil {
		return invalid("body is not JSON")
	}
	p.Inbox().Request(body.UUID)
	limit, known := maxContent[body.MsgType]
	text, valid := content(body.MsgType, body.Content)
	switch {
	case !slices.Contains(receiveIDTypes, idType):
		return invalid("invalid receive_id_type")
	case !fits(idType, body.ReceiveID):
		return invalid("invalid receive_id: " + body.ReceiveID)
	case !known:
		return invalid("invalid msg_type")
	case len(body.UUID) > 50:
		return invalid("uuid is longer than 50 characters")
	case len(body.Content) > limit:
		return refused(230025)
	case !valid:
		return invalid("invalid content")
	case p.outside[body.ReceiveID]:
		return refused(230002)
	}

	if first, ok := p.sent[body.UUID]; ok && time.Since(first.at) < dedupe {
		return success(map[string]any{"message_id": first.messageID, "msg_type": body.MsgType})
	}
	id := "om_" + strings.ToLower(rand.Text())
	if body.UUID != "" {
		p.sent[body.UUID] = sent{messageID: id, at: time.Now()}
	}
	p.messages[id] = &message{msgType: body.MsgType, shared: shared(body.MsgType, text), at: time.Now()}
	p.Inbox().Add(vendors.Arrival{
		ID: id, Channel: "feishu_app", ToType: idType, To: body.ReceiveID,
		Kind: body.MsgType, Text: text, Mark: body.UUID, Mentions: mentioned(body.MsgType, text),
	})
	return success(map[string]any{"message_id": id, "msg_type": body.MsgType})
}

func invalid(ext string) answer {
	a := refused(230001)
	a.Msg = strings.TrimSuffix(a.Msg, ".") + ", ext=" + ext + "."
	return a
}

// fits reports whether an id can be of the type, which its prefix tells.
func fits(idType, id string) bool {
	prefix := map[string]string{"open_id": "ou_", "union_id": "on_", "chat_id": "oc_"}[idType]
	if idType == "email" {
		return strings.Contains(id, "@")
	}
	return id != "" && strings.HasPrefix(id, prefix) && !strings.Contains(id, "@")
}

// content returns a message's content as a reader sees it; false when it is invalid.
func content(msgType, content string) (string, bool) {
	var object map[string]any
	if err := json.Unmarshal([]byte(content), &object); err != nil || object == nil {
		return "", false
	}
	if msgType != "text" {
		return content, true
	}
	text, ok := object["text"].(string)
	return text, ok && text != ""
}

// mentioned returns the users whom a message mentions.
func mentioned(msgType, text string) []string {
	if msgType == "text" {
		return MentionedInText(text)
	}
	var object any
	_ = json.Unmarshal([]byte(text), &object) // content has decoded it
	if msgType == "post" {
		return MentionedInPost(object)
	}
	return MentionedInCard(object)
}

// urge is the urgent_app, urgent_sms and urgent_phone call. It runs with p.mu held.
func (p *Platform) urge(r request) answer {
	var body struct {
		UserIDs []string `json:"user_id_list"`
	}
	id, kind := r.PathValue("id"), strings.TrimPrefix(r.PathValue("urgent"), "urgent_")
	idType := r.URL.Query().Get("user_id_type")
	m, known := p.messages[id]
	err := json.Unmarshal(r.body, &body)
	switch {
	case err != nil || len(body.UserIDs) == 0:
		return invalid("invalid user_id_list")
	case !known:
		return invalid("invalid message_id")
	case m.gone != 0:
		return refused(230110) // its page has no code of its own for one that was recalled
	case !slices.Contains([]string{"app", "sms", "phone"}, kind):
		return invalid("invalid urgent type")
	case !slices.Contains([]string{"open_id", "user_id", "union_id"}, idType):
		return invalid("invalid user_id_type")
	}
	var unreached []string
	for _, user := range body.UserIDs {
		if p.invalidUsers[user] || !fits(idType, user) {
			unreached = append(unreached, user)
			continue
		}
		p.Inbox().Note(id, "urgent "+kind+" to "+user)
	}
	if len(unreached) == len(body.UserIDs) {
		return invalid("all ids in user_id_list are invalid")
	}
	return success(map[string]any{"invalid_user_id_list": unreached})
}
