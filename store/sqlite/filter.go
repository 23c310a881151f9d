package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error) {
	var c conditions
	from := shown
	if f.AppID != "" {
		from += ` JOIN notifications n ON n.id = d.notification_id`
		c.and(`+n.app_id = ?`, f.AppID) // the + keeps SQLite from sorting all that the app has ever sent
	}
	if f.ID != uuid.Nil {
		c.and(`d.id = ?`, f.ID)
	}
	if f.NotificationID != uuid.Nil {
		c.and(`d.notification_id = ?`, f.NotificationID)
	}
	if after != uuid.Nil {
		c.and(`d.id < ?`, after)
	}
	if !f.Since.IsZero() {
		c.and(`d.id >= ?`, store.FirstID(f.Since))
	}
	if !f.Until.IsZero() {
		c.and(`d.id < ?`, store.FirstID(f.Until))
	}
	if !f.Unexpired.IsZero() {
		c.and(`coalesce(d.expires_at > ?, true)`, f.Unexpired.UnixMicro())
	}
	c.andStatus(f.Status)
	if f.Code != "" {
		c.and(`d.last_code <> '' AND d.last_code = ?`, f.Code)
	}
	c.andContent(f.Channel, f.Recipient, f.Template)
	if f.Provider != "" {
		c.and(`d.provider = ?`, f.Provider)
	}
	deliveries, err := list(ctx, s, scanDelivery,
		`SELECT `+deliveryColumns+from+c.where()+` ORDER BY d.id DESC LIMIT `+strconv.Itoa(limit), c.args)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return deliveries, nil
}

// ListNotifications implements store.Notifications.
func (s *Store) ListNotifications(ctx context.Context, f store.NotificationFilter, after uuid.UUID, limit int) ([]store.Notification, error) {
	var c conditions
	if f.AppID != "" {
		c.and(`app_id = ?`, f.AppID)
	}
	if f.IdempotencyKey != "" {
		c.and(`idempotency_key = ?`, f.IdempotencyKey)
	}
	if f.Status != "" {
		c.and(`status = ?`, f.Status)
	}
	if after != uuid.Nil {
		c.and(`id < ?`, after)
	}
	if !f.Since.IsZero() {
		c.and(`id >= ?`, store.FirstID(f.Since))
	}
	if !f.Until.IsZero() {
		c.and(`id < ?`, store.FirstID(f.Until))
	}
	of := conditions{args: c.args}
	of.andContent(f.Channel, f.Recipient, f.Template)
	switch {
	case len(of.terms) == 0:
	case f.Recipient != "": // few
		c.terms = append(c.terms, `id IN (SELECT d.notification_id FROM deliveries d`+of.where()+`)`)
	default: // many: looked for one by one, in the order of the page
		of.terms = append(of.terms, `d.notification_id = notifications.id`)
		c.terms = append(c.terms, `EXISTS (SELECT 1 FROM deliveries d`+of.where()+`)`)
	}
	notifications, err := list(ctx, s, scanNotification,
		`SELECT `+notificationColumns+` FROM notifications`+c.where()+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit), of.args)
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	return notifications, nil
}

// conditions are what a list asks for, with their arguments.
type conditions struct {
	terms []string
	args  []any
}

// and adds a term; the ? in it stands for the argument.
func (c *conditions) and(term string, arg any) {
	c.args = append(c.args, arg)
	c.terms = append(c.terms, term)
}

// andStatus adds the shown status of deliveries. The terms repeat the predicates of
// the partial indexes, which are used for nothing less.
func (c *conditions) andStatus(status store.DeliveryStatus) {
	switch status {
	case "":
	case store.DeliveryProcessing:
		c.terms = append(c.terms, `d.status IN ('pending', 'failed') AND j.id IS NOT NULL`)
	case store.DeliveryPending, store.DeliveryFailed:
		c.and(`d.status IN ('pending', 'failed') AND j.id IS NULL AND d.status = ?`, status)
	case store.DeliveryDead, store.DeliveryCancelled:
		c.and(`d.status IN ('dead', 'cancelled') AND d.status = ?`, status)
	default:
		c.and(`d.status = ?`, status)
	}
}

// andContent adds what a delivery d brings to whom.
func (c *conditions) andContent(channel, recipient, template string) {
	if channel != "" {
		c.and(`d.channel = ?`, channel)
	}
	if recipient != "" {
		c.and(`d.recipient_value = ?`, recipient)
	}
	if template != "" {
		c.and(`d.template_name = ?`, template)
	}
}

func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(c.terms, ` AND `)
}

// list bounds the time of a query, of which SQLite knows nothing.
func list[T any](ctx context.Context, s *Store, scan func(row) (T, error), sql string, args []any) ([]T, error) {
	bounded, cancel := context.WithTimeout(ctx, store.ListTime)
	defer cancel()
	rows, err := query(bounded, s.read, scan, sql, args...)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: %w", store.ErrTooBroad, err)
	}
	return rows, err
}
