package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// Accept implements store.Notifications.
func (s *Store) Accept(ctx context.Context, gather func() []store.Acceptance) ([]store.Accepted, error) {
	var accepted []store.Accepted
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		batch := gather()
		accepted = make([]store.Accepted, len(batch))
		if err := checkTemplates(ctx, tx, batch); err != nil {
			return err
		}
		if err := checkKinds(ctx, tx, batch); err != nil {
			return err
		}
		decision, err := decide(ctx, tx, batch)
		if err != nil {
			return err
		}
		threads, err := lockThreads(ctx, tx, decision.News)
		if err != nil {
			return err
		}
		news, err := s.joinIncidents(ctx, tx, store.InThreads(decision.News, threads), threads)
		if err != nil {
			return err
		}
		known, err := readKnown(ctx, tx, news)
		if err != nil {
			return err
		}
		withheld, used := store.Withhold(news, known)
		open, err := openDigests(ctx, tx, withheld)
		if err != nil {
			return err
		}
		gathered := store.Gather(withheld, open)
		byID := make(map[uuid.UUID]store.Acceptance, len(gathered))
		for _, a := range gathered {
			byID[a.Notification.ID] = a
		}
		var created []store.Acceptance
		for i, a := range batch {
			if kept, isNew := byID[a.Notification.ID]; isNew {
				a = kept
			}
			told, isRepeated := decision.Repeated[a.Notification.ID]
			beyond, isBeyond := decision.Beyond[a.Notification.ID]
			switch {
			case isRepeated:
				accepted[i], err = repetition(ctx, tx, told)
			case isBeyond:
				accepted[i].Beyond = beyond
			default:
				accepted[i], err = insertNotification(ctx, tx, a)
			}
			if err != nil {
				return err
			}
			if !accepted[i].Replayed && !isBeyond {
				created = append(created, a)
			}
		}
		for _, a := range store.StepsOf(created) {
			if _, err := insertNotification(ctx, tx, a); err != nil {
				return err
			}
			created = append(created, a)
		}
		for _, a := range store.OpenedOf(gathered) {
			if _, err := insertNotification(ctx, tx, a); err != nil {
				return err
			}
			created = append(created, a)
		}
		if err := writeTold(ctx, tx, store.ToldOf(decision.News)); err != nil {
			return err
		}
		if err := writeUses(ctx, tx, decision.Used); err != nil {
			return err
		}
		if err := writeRecipientUses(ctx, tx, used); err != nil {
			return err
		}
		if err := writeCounts(ctx, tx, store.CountAccepted(created)); err != nil {
			return err
		}
		if err := s.insertContents(ctx, tx, created); err != nil {
			return err
		}
		return s.writeEvents(ctx, tx, store.EventsOf(created))
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return accepted, nil
}

// decide decides what of a batch is written. The keys of acceptances that have quotas, caps, digests or a
// thread, or tell of a group of alerts, are looked up: what was accepted before uses none, and tells nothing.
func decide(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) (store.Decision, error) {
	last, err := lockGroups(ctx, tx, store.ToldOf(batch))
	if err != nil {
		return store.Decision{}, err
	}
	used, err := lockUses(ctx, tx, batch)
	if err != nil {
		return store.Decision{}, err
	}
	taken := map[store.Key]bool{}
	for _, a := range batch {
		if len(a.Quotas) == 0 && a.Telling == nil && !a.IsCapped() && len(a.Digests) == 0 && a.Notification.Thread == "" {
			continue
		}
		key := a.Notification.Key()
		found, err := query(ctx, tx, sqlread.Notification, sqlread.NotificationByKey, key.AppID, key.IdempotencyKey)
		if err != nil {
			return store.Decision{}, fmt.Errorf("read notification: %w", err)
		}
		taken[key] = len(found) > 0
	}
	return store.Decide(batch, last, used, func(k store.Key) bool { return taken[k] }), nil
}

// insertNotification inserts the notification when its key is free. Otherwise it returns
// the one that has the key.
func insertNotification(ctx context.Context, tx *sql.Tx, a store.Acceptance) (store.Accepted, error) {
	n := a.Notification
	unmatched, err := jsonList(n.Unmatched)
	if err != nil {
		return store.Accepted{}, fmt.Errorf("unmatched recipients: %w", err)
	}
	written, err := query(ctx, tx, sqlread.Notification, `
		INSERT INTO notifications (id, app_id, idempotency_key, request_hash, unmatched, total, created_at, updated_at,
			send_at, expires_at, priority, test, kind, withheld, cancelled, contacts, expansion,
			thread, thread_id, thread_seq, resolved, incident_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (app_id, idempotency_key) DO NOTHING
		RETURNING `+sqlread.NotificationColumns,
		n.ID, n.AppID, n.IdempotencyKey, n.RequestHash, text(unmatched), len(a.Deliveries), n.CreatedAt, n.UpdatedAt,
		n.SendAt, n.ExpiresAt, n.Priority, n.Test,
		n.Kind, text(n.Withheld.JSON()), n.Withheld.Sum(), text(n.Reach.JSON()), n.Expansion.State(),
		n.Thread, optionalID(n.ThreadID), n.ThreadSeq, n.Resolved, optionalID(n.IncidentID))
	if err != nil {
		return store.Accepted{}, fmt.Errorf("insert notification: %w", err)
	}
	if len(written) == 1 {
		written[0].Expansion = n.Expansion
		return store.Accepted{Notification: written[0], Withheld: a.Withheld()}, nil
	}
	existing, err := query(ctx, tx, sqlread.Notification, sqlread.NotificationByKey, n.AppID, n.IdempotencyKey)
	if err != nil {
		return store.Accepted{}, fmt.Errorf("read notification: %w", err)
	}
	return store.Accepted{Notification: existing[0], Replayed: true}, nil
}

// insertContents inserts the jobs, messages and deliveries of notifications.
func (s *Store) insertContents(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) error {
	var (
		jobs       []store.Job
		messages   []store.Message
		deliveries []store.Delivery
	)
	for _, a := range batch {
		jobs = append(jobs, a.Jobs...)
		messages = append(messages, a.Messages...)
		deliveries = append(deliveries, a.Deliveries...)
	}
	if err := insertMessages(ctx, tx, messages); err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	if err := s.insertExpansions(ctx, tx, batch); err != nil {
		return fmt.Errorf("insert expansions: %w", err)
	}
	if err := insertIncidents(ctx, tx, batch); err != nil {
		return fmt.Errorf("insert incidents: %w", err)
	}
	return s.insertWithJobs(ctx, tx, deliveries, jobs)
}

// insertWithJobs inserts deliveries and their jobs.
func (s *Store) insertWithJobs(ctx context.Context, tx *sql.Tx, deliveries []store.Delivery, jobs []store.Job) error {
	if len(deliveries) == 0 {
		return nil
	}
	var ids map[uuid.UUID]int64
	if len(jobs) > 0 { // River refuses to insert none
		var err error
		if ids, err = s.insertJobs(ctx, tx, jobs); err != nil {
			return err
		}
	}
	for i, d := range deliveries {
		if d.JobID == store.NoJob {
			continue
		}
		var found bool
		if deliveries[i].JobID, found = ids[d.ID]; !found {
			return fmt.Errorf("delivery %s has no job", d.ID)
		}
	}
	if err := insertDeliveries(ctx, tx, deliveries); err != nil {
		return fmt.Errorf("insert deliveries: %w", err)
	}
	return nil
}

// jsonList returns a list as JSON; nil when it is empty.
func jsonList(recipients []store.Recipient) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, nil
	}
	return json.Marshal(recipients)
}

func insertMessages(ctx context.Context, tx *sql.Tx, messages []store.Message) error {
	insert, err := tx.PrepareContext(ctx, `
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body,
			template_code, params, mention, template_codes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, m := range messages {
		mention, err := jsonList(m.Mention)
		if err != nil {
			return fmt.Errorf("mention: %w", err)
		}
		_, err = insert.ExecContext(ctx, m.ID, m.NotificationID, m.Channel, m.TemplateName, m.TemplateVersion, m.MsgType,
			m.Subject, m.Body, m.TemplateCode, text(m.Params), text(mention),
			text(m.TemplateCodes.JSON()))
		if err != nil {
			return err
		}
	}
	return nil
}
