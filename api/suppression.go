package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

const (
	suppressionsDescription = "Addresses that a vendor refused for good, with the vendor's words, newest first. Nothing is sent there over the channel " +
		"for `defaults.suppressDays`, but with high priority and of critical kinds: other deliveries are `cancelled` with the code `suppressed`. " +
		"A delivery that arrives there ends it."
	unsuppressDescription = "The address is sent to again. What was not sent meanwhile stays so; it can be retried."
)

type suppressionView struct {
	ID        uuid.UUID     `json:"id" format:"uuid"`
	Channel   string        `json:"channel" example:"email"`
	Recipient recipientView `json:"recipient"`
	Code      string        `json:"code" doc:"of the refusal" example:"smtp_5.1.1"`
	Error     string        `json:"error" doc:"what the vendor said"`
	CreatedAt time.Time     `json:"createdAt" doc:"of the last refusal"`
	Until     time.Time     `json:"until" doc:"from then on the address is sent to again"`
}

type listSuppressionsInput struct {
	Channel   string    `query:"channel" maxLength:"64" doc:"name of the channel"`
	Recipient string    `query:"recipient" maxLength:"320" doc:"the exact address"`
	Limit     int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many suppressions"`
	After     uuid.UUID `query:"after" format:"uuid" doc:"continue after this suppression: next of the previous page"`
}

type listSuppressionsOutput struct{ Body suppressionListView }

type suppressionListView struct {
	Suppressions []suppressionView `json:"suppressions"`
	Next         *uuid.UUID        `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

func (s *Server) suppressions(ctx context.Context, f store.SuppressionFilter, after uuid.UUID, limit int) ([]store.Suppression, error) {
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return s.store.ListSuppressions(ctx, f, after, limit)
}

func (s *Server) listSuppressions(ctx context.Context, in *listSuppressionsInput) (*listSuppressionsOutput, error) {
	rows, err := s.suppressions(ctx, store.SuppressionFilter{Channel: in.Channel, Recipient: in.Recipient}, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &listSuppressionsOutput{suppressionListView{Suppressions: []suppressionView{}}}
	for _, r := range rows[:min(len(rows), in.Limit)] {
		out.Body.Suppressions = append(out.Body.Suppressions, suppressionView{
			ID: r.ID, Channel: r.Channel, Recipient: viewRecipient(ctx, r.Recipient), Code: r.Code, Error: r.Error,
			CreatedAt: r.CreatedAt.UTC(), Until: r.Until.UTC(),
		})
	}
	if len(rows) > in.Limit {
		out.Body.Next = &rows[in.Limit-1].ID
	}
	return out, nil
}

type deleteSuppressionInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"id of the suppression"`
}

func (s *Server) deleteSuppression(ctx context.Context, in *deleteSuppressionInput) (*struct{}, error) {
	return nil, s.store.DeleteSuppression(ctx, in.ID, actorOf(ctx).Did(store.AuditSuppressionDelete, in.ID.String()))
}
