package feishuapp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// maxContent is the largest content of each message type, in bytes.
var maxContent = map[string]int{msgText: 150 << 10, msgPost: 30 << 10, msgInteractive: 30 << 10}

// textEnvelope is the room that a text's JSON object takes around it, in bytes.
const textEnvelope = len(`{"text":}`)

// urgentReserve is the most time that is reserved for the urgent call.
const urgentReserve = 5 * time.Second

// sender sends as one app.
type sender struct {
	config  Config
	im      *larkim.V1
	contact *larkcontact.V3
	tokens  *tokens
}

var (
	_ channels.Sender    = (*sender)(nil)
	_ channels.Prober    = (*sender)(nil)
	_ channels.Checker   = (*sender)(nil)
	_ channels.Mentioner = (*sender)(nil)
	_ channels.Urger     = (*sender)(nil)
	_ channels.Updater   = (*sender)(nil)
)

func newSender(c Config, baseURL string, client *http.Client) *sender {
	sdk := &larkcore.Config{
		BaseUrl:   baseURL,
		AppId:     c.AppID,
		AppSecret: c.AppSecret,
		AppType:   larkcore.AppTypeSelfBuilt,
		// Each call brings its token (see tokens). This also keeps the SDK from
		// repeating calls.
		EnableTokenCache: false,
		HttpClient:       client,
		Logger:           silent{},
		Serializable:     &larkcore.DefaultSerialization{},
	}
	return &sender{
		config:  c,
		im:      larkim.New(sdk),
		contact: larkcontact.New(sdk),
		tokens:  &tokens{config: sdk, turn: make(chan struct{}, 1)},
	}
}

// silent drops the SDK's log, which holds requests and answers.
type silent struct{}

// Debug implements larkcore.Logger.
func (silent) Debug(context.Context, ...any) {}

// Info implements larkcore.Logger.
func (silent) Info(context.Context, ...any) {}

// Warn implements larkcore.Logger.
func (silent) Warn(context.Context, ...any) {}

// Error implements larkcore.Logger.
func (silent) Error(context.Context, ...any) {}

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	if _, err := s.content(m); err != nil {
		return err
	}
	_, err := s.receiveIDType(m.Recipient)
	return err
}

// Send implements channels.Sender. The receipt's details are message_id and, with an
// urgent call, urgent_type. A failed urgent call adds urgent_error and, if the platform
// names the users, invalid_user_id_list. A message to a chat is not urged: urgent_skipped
// says so. A card whose button or note was left out has button_left_out.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	content, err := s.content(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	idType, err := s.receiveIDType(m.Recipient)
	if err != nil {
		return channels.Receipt{}, err
	}
	content, lacks := addBelow(content, m)
	id, err := s.create(ctx, m, idType, content)
	if err != nil {
		return channels.Receipt{}, err
	}
	receipt := channels.Receipt{Details: map[string]any{"message_id": id}, Reference: reference{id, m.MsgType}.String()}
	if s.config.Events {
		receipt.MessageID = id
	}
	if lacks != nil {
		receipt.Details["button_left_out"] = lacks.Error()
	}
	switch {
	case s.urgentType(m) == "":
	case idType == chatID:
		receipt.Details["urgent_skipped"] = "nobody is urged by a message to a chat"
	default:
		s.urgeAfter(ctx, m, id, &receipt)
	}
	return receipt, nil
}

// addBelow returns the content with the message's note or button, if it is a card. A card without
// room for it goes without, and the error says why: the message counts for more.
func addBelow(content string, m channels.Message) (string, error) {
	changed, err := content, error(nil)
	switch {
	case m.MsgType != msgInteractive:
	case m.Note != "":
		changed, err = feishucard.WithNote(content, m.Note)
	case m.Button != nil:
		changed, err = feishucard.WithButton(content, *m.Button)
	}
	if err != nil {
		return content, err
	}
	return changed, nil
}

// urgentType returns the kind of urgent call after the message; empty for none.
func (s *sender) urgentType(m channels.Message) string { return cmp.Or(m.Urgent, s.config.UrgentType) }

// CheckMention implements channels.Mentioner. A message to a user is in a chat where nobody
// else is.
func (s *sender) CheckMention(to, person channels.Recipient) error {
	switch {
	case to.Type != channels.RecipientFeishuChatID:
		return errors.New("cannot be mentioned in a message to one user, only in one to a " + channels.RecipientFeishuChatID)
	case person.Type != channels.RecipientFeishuUserID:
		return errors.New("is nobody whom a Feishu chat mentions; it mentions a " + channels.RecipientFeishuUserID)
	}
	return feishucard.CheckUser(person.Value)
}

// Probe implements channels.Prober. It gets a token, or has one that is still valid.
// The permissions to send and to urge show only when a message is sent.
func (s *sender) Probe(ctx context.Context) error {
	_, err := s.tokens.get(ctx, "")
	return err
}

// content returns the body, with its mentions, in the platform's format.
func (s *sender) content(m channels.Message) (string, error) {
	limit, ok := maxContent[m.MsgType]
	if !ok {
		return "", channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
	users := make([]string, len(m.Mention))
	for i, person := range m.Mention {
		users[i] = person.Value
		if err := s.CheckMention(m.Recipient, person); err != nil {
			return "", channels.PermanentError("mention", "somebody to mention "+err.Error())
		}
	}
	content, err := m.Body, error(nil)
	switch m.MsgType {
	case msgText:
		text, _ := vendorhttp.EncodeJSON(map[string]string{"text": feishucard.MentionInText(m.Body, users)}) // strings always encode
		content = string(text)
	case msgPost:
		content, err = feishucard.MentionInPost(m.Body, users)
	case msgInteractive:
		content, err = feishucard.MentionInCard(m.Body, users)
		if err == nil && m.InThread {
			content, err = feishucard.Shared(content)
		}
	}
	if err != nil {
		return "", channels.PermanentError("mention", err.Error())
	}
	if len(content) > limit {
		return "", channels.PermanentError("too_long", fmt.Sprintf("the message is %d bytes long; %s takes %d", len(content), m.MsgType, limit))
	}
	return content, nil
}

// receiveIDType returns the id type of the recipient's value.
func (s *sender) receiveIDType(r channels.Recipient) (string, error) {
	switch {
	case r.Type == channels.RecipientEmail:
		return email, nil
	case r.Type == channels.RecipientFeishuChatID:
		return chatID, nil
	case r.Type != channels.RecipientFeishuUserID:
		return "", channels.PermanentError("recipient_type", fmt.Sprintf("no Feishu recipient: %q", r.Type))
	case s.config.ReceiveIDType != email:
		return s.config.ReceiveIDType, nil
	// With receiveIdType email the id's prefix tells its type.
	case strings.HasPrefix(r.Value, "ou_"):
		return openID, nil
	case strings.HasPrefix(r.Value, "on_"):
		return unionID, nil
	default:
		return userID, nil
	}
}

// create sends the message and returns the platform's id for it.
func (s *sender) create(ctx context.Context, m channels.Message, idType, content string) (string, error) {
	ctx, cancel := s.leaveTimeToUrge(ctx, m)
	defer cancel()
	req := larkim.NewCreateMessageReqBuilder().
		ReceiveIdType(idType).
		Body(larkim.NewCreateMessageReqBodyBuilder().
			ReceiveId(m.Recipient.Value).
			MsgType(m.MsgType).
			Content(content).
			Uuid(m.DeliveryID.String()).
			Build()).
		Build()
	var id string
	err := s.call(ctx, private(m), func(token larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := s.im.Message.Create(ctx, req, token)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		if resp.Data != nil {
			id = larkcore.StringValue(resp.Data.MessageId)
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	if err == nil && id == "" {
		err = asError(errUnexpected)
	}
	return id, err
}

// private returns the addresses of a message, which the platform's texts may repeat.
func private(m channels.Message) []string {
	hide := []string{m.Recipient.Value}
	for _, person := range m.Mention {
		hide = append(hide, person.Value)
	}
	return hide
}

// leaveTimeToUrge returns a context that ends early enough for the urgent call, which
// a slow message would otherwise leave no time for.
func (s *sender) leaveTimeToUrge(ctx context.Context, m channels.Message) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || s.urgentType(m) == "" {
		return ctx, func() {}
	}
	reserve := min(time.Until(deadline)/4, urgentReserve)
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// call makes one call with the app's token, and a second with a new token when the
// platform refuses the first. Every error is a *channels.Error, in whose text the
// values in hide are redacted.
func (s *sender) call(
	ctx context.Context, hide []string,
	do func(token larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error),
) error {
	refused := ""
	for {
		token, err := s.tokens.get(ctx, refused)
		if err != nil {
			return err
		}
		resp, code, err := do(larkcore.WithTenantAccessToken(token))
		if err != nil {
			return asError(err)
		}
		if badToken[code.Code] && refused == "" {
			refused = token
			continue
		}
		return refusal(resp, code, append(hide, token, s.config.AppSecret)...)
	}
}
