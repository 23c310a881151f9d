package feishu

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answerTime is how long the platform waits for the answer of an event.
const answerTime = 3 * time.Second

// Errors of events. The numbers are those that Feishu shows to somebody who pressed a button.
var (
	ErrNobodyListens = errors.New("200340: the app has no open long connection")
	ErrNoAnswer      = errors.New("200341: the app has not answered in time")
	ErrFailed        = errors.New("200671: the app has answered with an error")
	ErrBadAnswer     = errors.New("200672: the app's answer is not understood")
	ErrBadCard       = errors.New("200673: the app's card is refused")
	ErrSchema        = errors.New("200830: a card of schema 2.0 cannot become one of 1.0")
)

// Toast is what somebody sees who pressed a button.
type Toast struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

// Read tells the app that the user with the open_id has read messages.
func (p *Platform) Read(ctx context.Context, user string, messageIDs ...string) error {
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	_, err := p.Send(ctx, "im.message.message_read_v1", now, map[string]any{
		"reader": map[string]any{
			"reader_id":  map[string]any{"open_id": user, "union_id": "on_" + strings.TrimPrefix(user, "ou_")},
			"read_time":  now,
			"tenant_key": tenant,
		},
		"message_id_list": messageIDs,
	})
	return err
}

// Press tells the app that the user with the open_id has pressed a button of a message, and returns
// what the user sees. The card of the answer takes the place of the message's.
func (p *Platform) Press(ctx context.Context, user, messageID string, value map[string]any) (Toast, error) {
	before, known := p.Inbox().Get(messageID)
	if !known {
		return Toast{}, errors.New("there is no such message")
	}
	data, err := p.Send(ctx, "card.action.trigger", strconv.FormatInt(time.Now().UnixMicro(), 10), map[string]any{
		"operator": map[string]any{"tenant_key": tenant, "open_id": user, "union_id": "on_" + strings.TrimPrefix(user, "ou_")},
		"token":    "c-" + rand.Text(),
		"action":   map[string]any{"value": value, "tag": "button"},
		"host":     "im_message",
		"context":  map[string]any{"open_message_id": messageID, "open_chat_id": "oc_" + rand.Text()},
	})
	if err != nil {
		return Toast{}, err
	}
	var answer struct {
		Toast Toast `json:"toast"`
		Card  *struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		} `json:"card"`
	}
	switch err := json.Unmarshal(data, &answer); {
	case len(data) == 0:
		return Toast{}, nil // nothing changes
	case err != nil || !slices.Contains([]string{"", "info", "success", "error", "warning"}, answer.Toast.Type):
		return Toast{}, ErrBadAnswer
	case answer.Card == nil:
		return answer.Toast, nil
	}
	card := string(answer.Card.Data)
	switch _, valid := content("interactive", card); {
	case !valid || answer.Card.Type != "raw" || len(card) > maxContent["interactive"] || before.Kind != "interactive":
		return Toast{}, ErrBadCard
	case schemaOf(before.Text) == "2.0" && schemaOf(card) != "2.0":
		return Toast{}, ErrSchema
	}
	p.Inbox().Edit(messageID, "", card)
	return answer.Toast, nil
}

func schemaOf(card string) string {
	var object struct {
		Schema string `json:"schema"`
	}
	_ = json.Unmarshal([]byte(card), &object) // it is valid
	return object.Schema
}

// tenant is the key of the app's tenant.
const tenant = "2ca1d211f64f6438"

// Send sends an event of any type and returns the data of its answer.
func (p *Platform) Send(ctx context.Context, eventType, created string, event map[string]any) ([]byte, error) {
	body, err := json.Marshal(map[string]any{
		"schema": "2.0",
		"header": map[string]any{
			"event_id": rand.Text(), "event_type": eventType, "create_time": created, "token": "", "app_id": p.appID, "tenant_key": tenant,
		},
		"event": event,
	})
	if err != nil {
		return nil, err
	}
	payload, err := p.push(ctx, body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Code int    `json:"code"`
		Data []byte `json:"data"`
	}
	switch err := json.NewDecoder(bytes.NewReader(payload)).Decode(&answer); {
	case err != nil:
		return nil, ErrBadAnswer
	case answer.Code != http.StatusOK:
		return nil, fmt.Errorf("%w: %d", ErrFailed, answer.Code)
	}
	return answer.Data, nil
}

// Button is a button of a card, whose press the app hears.
type Button struct {
	Label string
	Value map[string]any
}

// Buttons returns the buttons of a card.
func Buttons(card string) []Button {
	var object any
	_ = json.Unmarshal([]byte(card), &object) // no card has no buttons
	var buttons []Button
	walk(object, func(v any) {
		button, _ := v.(map[string]any)
		if button["tag"] != "button" {
			return
		}
		label, _ := button["text"].(map[string]any)
		b := Button{}
		b.Label, _ = label["content"].(string)
		behaviors, _ := button["behaviors"].([]any)
		for _, behavior := range behaviors {
			if callback, _ := behavior.(map[string]any); callback["type"] == "callback" {
				b.Value, _ = callback["value"].(map[string]any)
				buttons = append(buttons, b)
			}
		}
	})
	return buttons
}
