package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

const eraseDescription = "By `recipient`: that address, in all apps' deliveries and contacts, and among those whom messages mention, its suppressions and preferences, what vendors answered, " +
	"and the messages that nobody else got. By `notification`: all addresses, texts and answers of that notification. Counts, states, times and codes " +
	"stay, and the idempotency keys still answer. Deliveries that wait are cancelled first (`erased`). It cannot be undone. " +
	"While `more` is true, repeat the request for the rest."

// eraseRequest is the body of a request to erase.
type eraseRequest struct {
	Recipient    *recipientView `json:"recipient,omitempty" nullable:"false" doc:"one person's address, exactly as it was sent"`
	Notification uuid.UUID      `json:"notification,omitzero" format:"uuid" doc:"id of a notification"`
	DryRun       bool           `json:"dryRun,omitempty" doc:"count deliveries and change nothing"`
}

type erasedView struct {
	Deliveries     int  `json:"deliveries" doc:"deliveries that were erased; with dryRun: that would be"`
	Cancelled      int  `json:"cancelled" doc:"of them, those that waited to be sent"`
	Messages       int  `json:"messages" doc:"messages whose text was erased"`
	SharedMessages int  `json:"sharedMessages" doc:"messages whose text stays, because others got them, too; erase their notifications to erase it"`
	Unmatched      int  `json:"unmatched" doc:"notifications with erased addresses that fitted no channel"`
	Mentions       int  `json:"mentions" doc:"messages that mentioned the recipient"`
	Forgotten      int  `json:"forgotten" doc:"suppressions and preferences of the recipient that were deleted"`
	Contacts       int  `json:"contacts" doc:"contacts that had the address, and stay without it"`
	Sending        int  `json:"sending" doc:"deliveries that are being sent, and are left to the next request"`
	More           bool `json:"more" doc:"something is left"`
	DryRun         bool `json:"dryRun"`
}

type eraseInput struct{ jsonBody[eraseRequest] }

type eraseOutput struct{ Body erasedView }

func (s *Server) erase(ctx context.Context, in *eraseInput) (*eraseOutput, error) {
	r := steering.EraseRequest{NotificationID: in.body.Notification, DryRun: in.body.DryRun}
	if (in.body.Recipient == nil) == (r.NotificationID == uuid.Nil) {
		return nil, fieldProblem(http.StatusBadRequest, codeInvalidRequest, "recipient", "give either recipient or notification")
	}
	if in.body.Recipient != nil {
		r.Recipient = store.Recipient{Type: in.body.Recipient.Type, Value: in.body.Recipient.Value}
		if !slices.Contains(s.recipientTypes, r.Recipient.Type) {
			return nil, refusal.New(refusal.InvalidRecipient, "recipient.type", "must be one of %s", strings.Join(s.recipientTypes, ", "))
		}
	}
	done, err := s.control.Erase(ctx, r, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &eraseOutput{erasedView{
		Deliveries: done.Deliveries, Cancelled: done.Cancelled, Messages: done.Messages, SharedMessages: done.SharedMessages,
		Unmatched: done.Unmatched, Mentions: done.Mentions, Forgotten: done.Forgotten, Contacts: done.Contacts, Sending: done.Sending, More: done.More, DryRun: r.DryRun,
	}}, nil
}
