package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

const listDescription = "All parameters must match. An app sees its own, an administrator sees everything. " +
	"A search that reads too many rows ends after three seconds with `too_broad`: narrow it with since and until."

type listNotificationsInput struct {
	Status    string    `query:"status" enum:"pending,processing,success,failed,cancelled" doc:"failed ones have a dead delivery"`
	Channel   string    `query:"channel" maxLength:"64" doc:"of a delivery"`
	App       string    `query:"app" maxLength:"128" doc:"the sending app; only administrators may name another than their own"`
	Key       string    `query:"key" maxLength:"255" doc:"the idempotencyKey"`
	Recipient string    `query:"recipient" maxLength:"320" doc:"of a delivery: the exact address"`
	Template  string    `query:"template" maxLength:"64" doc:"of a delivery"`
	Thread    string    `query:"thread" maxLength:"255" doc:"name of the thread"`
	Test      string    `query:"test" enum:"true,false" doc:"whether it tests a template, or was sent with a test secret"`
	Since     time.Time `query:"since" doc:"accepted at this time or later"`
	Until     time.Time `query:"until" doc:"accepted before this time"`
	Limit     int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many notifications"`
	After     uuid.UUID `query:"after" format:"uuid" doc:"continue after this notification: next of the previous page"`
}

type notificationListView struct {
	Notifications []notificationView `json:"notifications"`
	Next          *uuid.UUID         `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listNotifications(ctx context.Context, in *listNotificationsInput) (*listOutput, error) {
	filter, err := seenNotifications(ctx, store.NotificationFilter{
		AppID: in.App, IdempotencyKey: in.Key, Status: store.NotificationStatus(in.Status),
		Channel: in.Channel, Recipient: in.Recipient, Template: in.Template, Thread: in.Thread, Test: truth(in.Test),
		Since: in.Since, Until: in.Until,
	})
	if err != nil {
		return nil, err
	}
	return answerList(ctx, s, list[store.Notification]{
		head: notificationListView{Notifications: []notificationView{}}, page: in.Limit, limit: in.Limit,
		read: func(ctx context.Context, _ *store.Notification, limit int) ([]store.Notification, error) {
			return s.store.ListNotifications(ctx, filter, in.After, limit)
		},
		view: func(ctx context.Context, n store.Notification) any {
			v := viewNotification(ctx, n)
			v.Unmatched = nil
			return v
		},
		next: func(n store.Notification) any { return n.ID },
	})
}

type findDeliveriesInput struct {
	Status       string    `query:"status" enum:"pending,processing,success,failed,dead,cancelled" doc:"failed ones wait for a retry; dead ones that may have arrived have the code uncertain_outcome"`
	Channel      string    `query:"channel" maxLength:"64" doc:"name of the channel"`
	Provider     string    `query:"provider" maxLength:"64" doc:"the provider of the last attempt"`
	Code         string    `query:"code" maxLength:"128" doc:"of the last failure"`
	Receipt      string    `query:"receipt" enum:"unknown,failed,delivered,read,answered" doc:"what the vendor says became of it"`
	Recipient    string    `query:"recipient" maxLength:"320" doc:"the exact address"`
	Template     string    `query:"template" maxLength:"64" doc:"name of the template"`
	Test         string    `query:"test" enum:"true,false" doc:"whether it was sent with a test secret"`
	Notification uuid.UUID `query:"notification" format:"uuid" doc:"id of the notification"`
	Digest       uuid.UUID `query:"digest" format:"uuid" doc:"the digest of this id, and its items"`
	App          string    `query:"app" maxLength:"128" doc:"the sending app; only administrators may name another than their own"`
	Since        time.Time `query:"since" doc:"accepted at this time or later"`
	Until        time.Time `query:"until" doc:"accepted before this time"`
	Limit        int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many deliveries"`
	After        uuid.UUID `query:"after" format:"uuid" doc:"continue after this delivery: next of the previous page"`
}

func (s *Server) findDeliveries(ctx context.Context, in *findDeliveriesInput) (*listOutput, error) {
	filter, err := seenDeliveries(ctx, store.DeliveryFilter{
		NotificationID: in.Notification, DigestID: in.Digest, AppID: in.App, Status: store.DeliveryStatus(in.Status),
		Channel: in.Channel, Provider: in.Provider, Code: in.Code, Receipt: store.Receipt(in.Receipt), Recipient: in.Recipient, Template: in.Template,
		Test: truth(in.Test), Since: in.Since, Until: in.Until,
	})
	if err != nil {
		return nil, err
	}
	return answerList(ctx, s, deliveryList(in.After, in.Limit, deliveryListView{Deliveries: []deliveryView{}},
		func(ctx context.Context, after uuid.UUID, limit int) ([]store.Delivery, error) {
			return s.store.ListDeliveries(ctx, filter, after, limit)
		}))
}

// truth returns the value of a filter; nil when it was left out.
func truth(text string) *bool {
	if text == "" {
		return nil
	}
	return new(text == "true")
}

// scope returns the app that a list is limited to. Administrators may name any app
// or none (every app); others always get their own.
func scope(ctx context.Context, app string) (string, error) {
	caller := callerOf(ctx)
	if caller.may(RoleAdmin) {
		return app, nil
	}
	if app != "" && app != caller.AppID {
		return "", errForbidden(RoleAdmin)
	}
	return caller.AppID, nil
}

// seenNotifications limits a filter to what the caller may see.
func seenNotifications(ctx context.Context, f store.NotificationFilter) (store.NotificationFilter, error) {
	app, err := scope(ctx, f.AppID)
	f.AppID, f.NotConfigured = app, hidesConfigured(ctx, f.Recipient)
	return f, err
}

// seenDeliveries limits a filter to what the caller may see.
func seenDeliveries(ctx context.Context, f store.DeliveryFilter) (store.DeliveryFilter, error) {
	app, err := scope(ctx, f.AppID)
	f.AppID, f.NotConfigured = app, hidesConfigured(ctx, f.Recipient)
	return f, err
}

// timeParameters are the parameters of lists that are times.
var timeParameters = []string{"since", "until"}

// checkQuery refuses query parameters that a database cannot store or compare, and those
// of a read that say nothing: an empty filter would match everything, and of two only
// one would count.
func checkQuery(c *fiber.Ctx) error {
	read := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	seen := map[string]bool{}
	for name, value := range c.Context().QueryArgs().All() {
		field, problem := string(bytes.ToValidUTF8(name, nil)), ""
		switch {
		case bytes.IndexByte(value, 0) >= 0 || !utf8.Valid(value):
			problem = "must be valid UTF-8 without NUL characters"
		case read && saysNothing(string(value)):
			problem = "must not be empty; leave it out"
		case read && seen[field]:
			problem = "must be there once"
		}
		if problem != "" {
			return fieldProblem(http.StatusBadRequest, codeInvalidRequest, "query."+field, problem)
		}
		seen[field] = true
	}
	for _, name := range timeParameters {
		if !seen[name] || !read {
			continue
		}
		at, err := parseTime(c.Query(name))
		if err != nil {
			return fieldProblem(http.StatusBadRequest, codeInvalidRequest, "query."+name, err.Error())
		}
		c.Context().QueryArgs().Set(name, at.Format(time.RFC3339Nano))
	}
	return c.Next()
}

// saysNothing reports whether a parameter is decoded as if it were left out.
func saysNothing(value string) bool {
	id, err := uuid.Parse(value)
	nilID := err == nil && id == uuid.Nil
	at, err := parseTime(value)
	return strings.TrimSpace(value) == "" || nilID || err == nil && at.IsZero()
}
