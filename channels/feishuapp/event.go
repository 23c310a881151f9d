package feishuapp

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher/callback"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
)

// Types of events, with the pages that describe them.
const (
	eventRead    = "im.message.message_read_v1" // server-docs/im-v1/message/events/message_read
	eventPressed = "card.action.trigger"        // feishu-cards/card-callback-communication
)

// nameTime bounds the look-up of a person's name, which leaves most of an event's time.
const nameTime = time.Second

// takeEvent passes on an event and returns the data of the answer; nil when the platform expects
// none.
func (s *sender) takeEvent(ctx context.Context, payload []byte, events channels.Events) (any, error) {
	var event struct {
		Header struct {
			Type string `json:"event_type"`
			// Time is in milliseconds, of callbacks in microseconds.
			Time string `json:"create_time"`
		} `json:"header"`
		Event json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	switch event.Header.Type {
	case eventRead:
		return nil, s.takeRead(ctx, event.Event, events)
	case eventPressed:
		return s.takePress(ctx, event.Event, timeOf(event.Header.Time, time.UnixMicro), events)
	}
	return nil, fmt.Errorf("%s is an event that nobody takes", event.Header.Type)
}

func (s *sender) takeRead(ctx context.Context, event []byte, events channels.Events) error {
	var read larkim.P2MessageReadV1Data
	if err := json.Unmarshal(event, &read); err != nil {
		return err
	}
	mark := channels.ReadMark{MessageIDs: read.MessageIdList, At: time.Now()}
	if read.Reader != nil {
		mark.At = timeOf(larkcore.StringValue(read.Reader.ReadTime), time.UnixMilli)
		if id := read.Reader.ReaderId; id != nil {
			mark.Reader.ID = larkcore.StringValue(id.OpenId)
		}
	}
	return events.Read(ctx, mark)
}

func (s *sender) takePress(ctx context.Context, event []byte, at time.Time, events channels.Events) (any, error) {
	var pressed callback.CardActionTriggerRequest
	if err := json.Unmarshal(event, &pressed); err != nil {
		return nil, err
	}
	press := channels.Press{At: at}
	if pressed.Action != nil {
		press.Value = feishucard.ButtonValue(pressed.Action.Value)
	}
	if pressed.Context != nil {
		press.MessageID = pressed.Context.OpenMessageID
	}
	if pressed.Operator != nil {
		press.By.ID = pressed.Operator.OpenID
		if press.Value != "" {
			press.By.Name = s.nameOf(ctx, press.By.ID)
		}
	}
	answer, err := events.Pressed(ctx, press)
	if err != nil {
		return nil, err
	}
	kind := "success"
	if answer.Refused {
		kind = "error"
	}
	response := callback.CardActionTriggerResponse{Toast: &callback.Toast{Type: kind, Content: answer.Text}}
	if answer.Message != nil {
		content, err := s.content(*answer.Message)
		if err != nil {
			return nil, err
		}
		content, _ = addBelow(content, *answer.Message) // what has no room is left out
		response.Card = &callback.Card{Type: "raw", Data: json.RawMessage(content)}
	}
	return response, nil
}

// nameOf returns the name of the user with the open_id; empty when the app may not know it.
func (s *sender) nameOf(ctx context.Context, id string) string {
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	req := larkcontact.NewGetUserReqBuilder().UserId(id).UserIdType(openID).Build()
	name := ""
	err := s.call(ctx, nil, func(token larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := s.contact.User.Get(ctx, req, token)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		if resp.Data != nil && resp.Data.User != nil {
			name = larkcore.StringValue(resp.Data.User.Name)
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	if err != nil {
		return ""
	}
	return name
}

// timeOf returns the time of a text that counts units since 1970, as of returns it; the present when
// the text is none.
func timeOf(text string, of func(int64) time.Time) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return time.Now()
	}
	return of(n)
}
