package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error) {
	var c conditions
	from := shown
	if f.AppID != "" {
		from += ` JOIN notifications n ON n.id = d.notification_id`
		c.and(`n.app_id = $`, f.AppID)
	}
	if f.ID != uuid.Nil {
		c.and(`d.id = $`, f.ID)
	}
	if f.NotificationID != uuid.Nil {
		c.and(`d.notification_id = $`, f.NotificationID)
	}
	if after != uuid.Nil {
		c.and(`d.id < $`, after)
	}
	if !f.Since.IsZero() {
		c.and(`d.id >= $`, store.FirstID(f.Since))
	}
	if !f.Until.IsZero() {
		c.and(`d.id < $`, store.FirstID(f.Until))
	}
	if !f.Unexpired.IsZero() {
		c.and(`coalesce(d.expires_at > $, true)`, f.Unexpired)
	}
	c.andStatus(f.Status)
	if f.Code != "" {
		c.and(`d.last_code <> '' AND d.last_code = $`, f.Code)
	}
	c.andContent(f.Channel, f.Recipient, f.Template)
	if f.Provider != "" {
		c.and(`d.provider = $`, f.Provider)
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
		c.and(`app_id = $`, f.AppID)
	}
	if f.IdempotencyKey != "" {
		c.and(`idempotency_key = $`, f.IdempotencyKey)
	}
	if f.Status != "" {
		c.and(`status = $`, f.Status)
	}
	if after != uuid.Nil {
		c.and(`id < $`, after)
	}
	if !f.Since.IsZero() {
		c.and(`id >= $`, store.FirstID(f.Since))
	}
	if !f.Until.IsZero() {
		c.and(`id < $`, store.FirstID(f.Until))
	}
	of := conditions{args: c.args}
	of.andContent(f.Channel, f.Recipient, f.Template)
	if len(of.terms) > 0 {
		c.terms = append(c.terms, `id IN (SELECT d.notification_id FROM deliveries d`+of.where()+`)`)
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

// and adds a term; the $ in it stands for the argument.
func (c *conditions) and(term string, arg any) {
	c.args = append(c.args, arg)
	c.terms = append(c.terms, strings.Replace(term, "$", "$"+strconv.Itoa(len(c.args)), 1))
}

// andStatus adds the shown status of deliveries. The terms repeat the predicates of
// the partial indexes, which are used for nothing less.
func (c *conditions) andStatus(status store.DeliveryStatus) {
	switch status {
	case "":
	case store.DeliveryProcessing:
		c.terms = append(c.terms, `d.status IN ('pending', 'failed') AND j.id IS NOT NULL`)
	case store.DeliveryPending, store.DeliveryFailed:
		c.and(`d.status IN ('pending', 'failed') AND j.id IS NULL AND d.status = $`, status)
	case store.DeliveryDead, store.DeliveryCancelled:
		c.and(`d.status IN ('dead', 'cancelled') AND d.status = $`, status)
	default:
		c.and(`d.status = $`, status)
	}
}

// andContent adds what a delivery d brings to whom.
func (c *conditions) andContent(channel, recipient, template string) {
	if channel != "" {
		c.and(`d.channel = $`, channel)
	}
	if recipient != "" {
		c.and(`d.recipient_value COLLATE "C" = $`, recipient)
	}
	if template != "" {
		c.and(`d.template_name = $`, template)
	}
}

func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(c.terms, ` AND `)
}

// listing opens the transaction of a list. It is planned for its own arguments: the
// best way to a common value is the worst one to a rare value. It takes one core,
// which is kinder to what is being delivered, and keeps the planner to the order
// that a page is read in.
var listing = fmt.Sprintf(`BEGIN READ ONLY; SET LOCAL statement_timeout = %d;
	SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL max_parallel_workers_per_gather = 0`,
	store.ListTime.Milliseconds())

func list[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], sql string, args []any) ([]T, error) {
	var rows []T
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: listing}, func(tx pgx.Tx) (err error) {
		rows, err = query(ctx, tx, scan, sql, args...)
		return err
	})
	return rows, tooBroad(ctx, err)
}
