package feishuapp

import (
	"context"
	"errors"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"github.com/labring/sealos-notify/channels"
)

const (
	urgentTries = 3
	// urgentWait is the shortest pause between tries.
	urgentWait = 200 * time.Millisecond
)

// codeUnreached is the code of an urgent call that was taken and reached nobody.
const codeUnreached = "urgent_unreached"

// urgeAfter makes the urgent call for a message that has arrived and writes the outcome
// into the receipt. It never fails: the message is not sent again for it.
func (s *sender) urgeAfter(ctx context.Context, m channels.Message, messageID string, receipt *channels.Receipt) {
	if err := s.urge(ctx, m, messageID, receipt); err != nil {
		receipt.Urgent = err
		receipt.Details["urgent_error"] = err.Error()
	}
}

// Urge implements channels.Urger.
func (s *sender) Urge(ctx context.Context, ref string, m channels.Message) (channels.Receipt, error) {
	there, err := referenceOf(ref)
	if err != nil {
		return channels.Receipt{}, err
	}
	receipt := channels.Receipt{Details: map[string]any{"message_id": there.MessageID, "urged": true}}
	switch {
	case s.urgentType(m) == "":
		return receipt, channels.PermanentError("urgent", "neither the message nor the provider says how to urge")
	case m.Recipient.Type == channels.RecipientFeishuChatID:
		return receipt, channels.PermanentError("urgent", "nobody is urged by a message to a chat")
	}
	err = s.urge(ctx, m, there.MessageID, &receipt)
	if costs := s.urgentType(m) != urgentApp; costs && err != nil && channels.AsError(err).Class == channels.Uncertain {
		receipt.Urgent, err = err, nil
		receipt.Details["urgent_error"] = receipt.Urgent.Error()
	}
	return receipt, err
}

// urge makes the urgent call for a message and writes what is known of it into the receipt's
// details.
func (s *sender) urge(ctx context.Context, m channels.Message, messageID string, receipt *channels.Receipt) error {
	kind, r := s.urgentType(m), m.Recipient
	receipt.Details["urgent_type"] = kind
	idType, err := s.receiveIDType(r)
	if err != nil {
		return err
	}
	if s.config.UrgentUserIDType != "" {
		idType = s.config.UrgentUserIDType
	} else if idType == email {
		idType = openID
	}

	var unreached []string
	err = retry(ctx, func() error {
		user := r.Value
		if r.Type == channels.RecipientEmail {
			var err error
			if user, err = s.lookUp(ctx, r.Value, idType); err != nil {
				return err
			}
		}
		var err error
		unreached, err = s.callUrgent(ctx, kind, messageID, idType, user)
		return err
	})
	// The platform answers so when it reached a part of several users.
	if err == nil && len(unreached) > 0 {
		err = channels.PermanentError(codeUnreached, "the platform cannot urge this user")
		receipt.Details["invalid_user_id_list"] = unreached
	}
	return err
}

// retry calls do again, while the context leaves time, after failures that reached
// nobody. An uncertain call may have reached the user, and a second text message or
// phone call costs money.
func retry(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		var e *channels.Error
		if !errors.As(err, &e) || e.Class != channels.Transient && e.Class != channels.Throttled || try == urgentTries {
			return err
		}
		wait := max(e.RetryAfter, urgentWait)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// lookUp returns the id of the user who has the e-mail address.
func (s *sender) lookUp(ctx context.Context, address, idType string) (string, error) {
	req := larkcontact.NewBatchGetIdUserReqBuilder().
		UserIdType(idType).
		Body(larkcontact.NewBatchGetIdUserReqBodyBuilder().Emails([]string{address}).Build()).
		Build()
	var user string
	err := s.call(ctx, []string{address}, func(token larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := s.contact.User.BatchGetId(ctx, req, token)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		if resp.Data != nil && len(resp.Data.UserList) > 0 {
			user = larkcore.StringValue(resp.Data.UserList[0].UserId)
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	if err == nil && user == "" {
		err = channels.PermanentError("user_not_found", "the app can see no user with this e-mail address")
	}
	return user, err
}

// callUrgent makes the urgent call and returns the users that it did not reach.
func (s *sender) callUrgent(ctx context.Context, kind, messageID, idType, user string) ([]string, error) {
	var unreached []string
	err := s.call(ctx, []string{user}, func(token larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := s.sdkUrgent(ctx, kind, messageID, idType, user, token)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		if resp.Data != nil {
			unreached = resp.Data.InvalidUserIdList
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	return unreached, err
}

// sdkUrgent makes the SDK's call for the urgent type. The three answers have the same
// fields.
func (s *sender) sdkUrgent(
	ctx context.Context, kind, messageID, idType, user string, token larkcore.RequestOptionFunc,
) (*larkim.UrgentAppMessageResp, error) {
	receivers := larkim.NewUrgentReceiversBuilder().UserIdList([]string{user}).Build()
	switch kind {
	case urgentSMS:
		resp, err := s.im.Message.UrgentSms(ctx, larkim.NewUrgentSmsMessageReqBuilder().
			MessageId(messageID).UserIdType(idType).UrgentReceivers(receivers).Build(), token)
		if err != nil {
			return nil, err
		}
		data := (*larkim.UrgentAppMessageRespData)(resp.Data)
		return &larkim.UrgentAppMessageResp{ApiResp: resp.ApiResp, CodeError: resp.CodeError, Data: data}, nil
	case urgentPhone:
		resp, err := s.im.Message.UrgentPhone(ctx, larkim.NewUrgentPhoneMessageReqBuilder().
			MessageId(messageID).UserIdType(idType).UrgentReceivers(receivers).Build(), token)
		if err != nil {
			return nil, err
		}
		data := (*larkim.UrgentAppMessageRespData)(resp.Data)
		return &larkim.UrgentAppMessageResp{ApiResp: resp.ApiResp, CodeError: resp.CodeError, Data: data}, nil
	default:
		return s.im.Message.UrgentApp(ctx, larkim.NewUrgentAppMessageReqBuilder().
			MessageId(messageID).UserIdType(idType).UrgentReceivers(receivers).Build(), token)
	}
}
