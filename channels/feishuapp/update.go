package feishuapp

import (
	"context"
	"encoding/json"
	"fmt"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"github.com/labring/sealos-notify/channels"
)

// reference is how a message is found again.
type reference struct {
	MessageID string `json:"message_id"`
	MsgType   string `json:"msg_type"`
}

func (r reference) String() string {
	encoded, _ := json.Marshal(r) // strings always encode
	return string(encoded)
}

// referenceOf reads the reference of a receipt.
func referenceOf(ref string) (reference, error) {
	var there reference
	if err := json.Unmarshal([]byte(ref), &there); err != nil || there.MessageID == "" {
		return there, channels.PermanentError("reference", "it is not known which message it is")
	}
	return there, nil
}

// Update implements channels.Updater. The platform edits cards by one call, and texts and posts by
// another; a message keeps its type. Nobody is urged by an edit. The receipt's details are message_id.
func (s *sender) Update(ctx context.Context, ref string, m channels.Message) (channels.Receipt, error) {
	old, err := referenceOf(ref)
	if err != nil {
		return channels.Receipt{}, err
	}
	content, err := s.content(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	if old.MsgType != m.MsgType {
		return channels.Receipt{}, channels.PermanentError("other_type", fmt.Sprintf("a message of type %s cannot become one of type %s", old.MsgType, m.MsgType))
	}
	content, lacks := addBelow(content, m)
	err = s.call(ctx, private(m), func(token larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		if m.MsgType == msgInteractive {
			resp, err := s.im.Message.Patch(ctx, larkim.NewPatchMessageReqBuilder().MessageId(old.MessageID).
				Body(larkim.NewPatchMessageReqBodyBuilder().Content(content).Build()).Build(), token)
			if err != nil {
				return nil, larkcore.CodeError{}, err
			}
			return resp.ApiResp, resp.CodeError, nil
		}
		resp, err := s.im.Message.Update(ctx, larkim.NewUpdateMessageReqBuilder().MessageId(old.MessageID).
			Body(larkim.NewUpdateMessageReqBodyBuilder().MsgType(m.MsgType).Content(content).Build()).Build(), token)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	if err != nil {
		return channels.Receipt{}, err
	}
	receipt := channels.Receipt{Details: map[string]any{"message_id": old.MessageID}, Reference: old.String()}
	if s.config.Events {
		receipt.MessageID = old.MessageID
	}
	if lacks != nil {
		receipt.Details["button_left_out"] = lacks.Error()
	}
	return receipt, nil
}
