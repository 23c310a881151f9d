package feishu

import (
	"encoding/json"
	"time"
)

const (
	// cardAge is how long after it was sent a card may be updated. How long that is for other
	// messages is for a tenant's administrator to say.
	cardAge = 14 * 24 * time.Hour
	// maxEdits is how often a text or a post may be edited.
	maxEdits = 20
)

// message is a message that was sent.
type message struct {
	msgType string
	shared  bool // a card that all who see it see the same
	at      time.Time
	edits   int
	gone    int // the code with which edits are refused; 0: none
}

// Recall takes a message back.
func (p *Platform) Recall(messageID string) { p.end(messageID, 230011) }

// Delete deletes a message.
func (p *Platform) Delete(messageID string) { p.end(messageID, 230110) }

func (p *Platform) end(messageID string, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages[messageID].gone = code
}

// updateCard replaces a card. It runs with p.mu held.
func (p *Platform) updateCard(r request) answer {
	var body struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return invalid("body is not JSON")
	}
	m, known := p.messages[r.PathValue("id")]
	switch {
	case !known:
		return invalid("invalid message_id")
	case m.msgType != "interactive":
		return invalid("This message is NOT a card")
	case time.Since(m.at) > cardAge:
		return refused(230031)
	case !m.shared || !shared("interactive", body.Content):
		return invalid("update_multi is not true")
	}
	return p.edit(r, m, "interactive", body.Content)
}

// editMessage replaces a text or a post. It runs with p.mu held.
func (p *Platform) editMessage(r request) answer {
	var body struct {
		MsgType string `json:"msg_type"`
		Content string `json:"content"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return invalid("body is not JSON")
	}
	m, known := p.messages[r.PathValue("id")]
	switch {
	case body.MsgType != "text" && body.MsgType != "post":
		return invalid("invalid msg_type")
	case !known:
		return invalid("invalid message_id")
	case m.msgType != body.MsgType:
		return refused(230054)
	case m.edits == maxEdits:
		return refused(230072)
	}
	return p.edit(r, m, body.MsgType, body.Content)
}

func (p *Platform) edit(r request, m *message, msgType, newContent string) answer {
	text, valid := content(msgType, newContent)
	switch {
	case m.gone != 0:
		return refused(m.gone)
	case len(newContent) > maxContent[msgType]:
		return refused(230025)
	case !valid:
		return invalid("invalid content")
	}
	m.edits++
	id := r.PathValue("id")
	p.Inbox().Edit(id, "", text)
	return success(map[string]any{"message_id": id, "msg_type": msgType})
}

// shared reports whether a message is a card that all who see it see the same. A card of the builder
// has that in its template.
func shared(msgType, content string) bool {
	var card struct {
		Type   string `json:"type"`
		Config struct {
			UpdateMulti bool `json:"update_multi"`
		} `json:"config"`
	}
	return msgType == "interactive" && json.Unmarshal([]byte(content), &card) == nil && (card.Type == "template" || card.Config.UpdateMulti)
}
