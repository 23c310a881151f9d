package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// errRepeated is the error of an insert that found keys taken. Nothing is written then.
var errRepeated = errors.New("a key is taken")

// Accept implements store.Notifications.
func (s *Store) Accept(ctx context.Context, gather func() []store.Acceptance) ([]store.Accepted, error) {
	var (
		batch, created []store.Acceptance
		byKey          = map[store.Key]store.Notification{} // the notifications that have the batch's keys
		told           map[uuid.UUID]store.Notification
		decision       store.Decision
	)
	insert := func(tx pgx.Tx) (err error) {
		if decision, err = decide(ctx, tx, batch, byKey); err != nil {
			return err
		}
		if told, err = readTold(ctx, tx, batch, decision.Repeated); err != nil {
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
		asked := s.suppressing.Load()
		known, err := lockKnown(ctx, tx, news, asked)
		if err != nil {
			return err
		}
		withheld, used := store.Withhold(news, known)
		open, err := lockDigests(ctx, tx, withheld)
		if err != nil {
			return err
		}
		gathered := store.Gather(withheld, open)
		created = slices.Concat(gathered, store.StepsOf(gathered))
		sortByKey(created)
		return s.insertAcceptances(ctx, tx, created, asked, store.ToldOf(decision.News), decision.Used, used)
	}
	err := s.begin(ctx, func(tx pgx.Tx) error {
		batch = gather()
		return insert(tx)
	})
	for errors.Is(err, errRepeated) || errors.Is(err, errNotAsked) {
		if err = readByKey(ctx, s.pool, created, byKey); err == nil {
			err = s.begin(ctx, insert)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("accept: %w", marked(err))
	}
	written := make(map[store.Key]*store.Acceptance, len(created))
	for i := range created {
		written[created[i].Notification.Key()] = &created[i]
	}
	return column(batch, func(a *store.Acceptance) store.Accepted {
		if n, isTold := told[a.Notification.ID]; isTold {
			return store.Accepted{Notification: n, Replayed: true}
		}
		if beyond := decision.Beyond[a.Notification.ID]; beyond != nil {
			return store.Accepted{Beyond: beyond}
		}
		if w, isWritten := written[a.Notification.Key()]; isWritten {
			if w.Notification.ID != a.Notification.ID {
				return store.Accepted{Notification: w.Written(), Replayed: true}
			}
			return store.Accepted{Notification: w.Written(), Withheld: w.Withheld()}
		}
		return store.Accepted{Notification: byKey[a.Notification.Key()], Replayed: true}
	}), nil
}

// decide locks the batch's groups of alerts and counters of quotas, before anything else is
// locked, and decides what is written. The keys of what is beyond a quota are looked up and
// added to byKey: what was accepted before is beyond none.
func decide(
	ctx context.Context, tx pgx.Tx, batch []store.Acceptance, byKey map[store.Key]store.Notification,
) (store.Decision, error) {
	last, err := lockGroups(ctx, tx, batch)
	if err != nil {
		return store.Decision{}, err
	}
	used, err := lockUses(ctx, tx, batch)
	if err != nil {
		return store.Decision{}, err
	}
	taken := func(k store.Key) bool { _, is := byKey[k]; return is }
	for {
		decision, known := store.Decide(batch, last, used, taken), len(byKey)
		if len(decision.Beyond) == 0 {
			return decision, nil
		}
		beyond := slices.DeleteFunc(slices.Clone(batch), func(a store.Acceptance) bool { return decision.Beyond[a.Notification.ID] == nil })
		if err := readByKey(ctx, tx, beyond, byKey); err != nil || len(byKey) == known {
			return decision, err
		}
	}
}

// sortByKey sorts acceptances: replicas that insert the same keys wait for each other and
// cannot deadlock.
func sortByKey(news []store.Acceptance) {
	slices.SortFunc(news, func(a, b store.Acceptance) int {
		return cmp.Or(cmp.Compare(a.Notification.AppID, b.Notification.AppID),
			cmp.Compare(a.Notification.IdempotencyKey, b.Notification.IdempotencyKey))
	})
}

// readByKey adds the notifications that have the keys of the batch.
func readByKey(ctx context.Context, db querier, batch []store.Acceptance, byKey map[store.Key]store.Notification) error {
	found, err := query(ctx, db, sqlread.Notification,
		`SELECT `+sqlread.NotificationColumns+` FROM notifications
		WHERE (app_id, idempotency_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
		column(batch, func(a *store.Acceptance) string { return a.Notification.AppID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.IdempotencyKey }))
	if err != nil {
		return fmt.Errorf("read notifications: %w", err)
	}
	for _, n := range found {
		byKey[n.Key()] = n
	}
	return nil
}

// insertAcceptances inserts all that belongs to acceptances, what they tell of groups of
// alerts, and what their apps and recipients have used. It returns store.ErrStale when a template
// or a kind has changed, errRepeated when a key is taken, and errNotAsked. River's jobs are first, so that everything
// else is one round trip: callers wait for each of them.
func (s *Store) insertAcceptances(
	ctx context.Context, tx pgx.Tx, batch []store.Acceptance, asked bool, told []store.Told, uses []store.Use, used []store.RecipientUse,
) error {
	if len(batch) == 0 {
		return nil
	}
	jobs := slices.Concat(column(batch, func(a *store.Acceptance) []store.Job { return a.Jobs })...)
	messages := slices.Concat(column(batch, func(a *store.Acceptance) []store.Message { return a.Messages })...)
	deliveries := slices.Concat(column(batch, func(a *store.Acceptance) []store.Delivery { return a.Deliveries })...)
	if err := s.assignJobs(ctx, tx, deliveries, jobs); err != nil {
		return err
	}
	expanding, err := s.assignExpandJobs(ctx, tx, batch)
	if err != nil {
		return err
	}
	var queries pgx.Batch
	checkTemplates(&queries, batch)
	checkKinds(&queries, batch)
	s.checkSuppressions(&queries, batch, asked)
	if err := insertNotifications(&queries, batch); err != nil {
		return err
	}
	if err := insertMessages(&queries, messages); err != nil {
		return err
	}
	insertDeliveries(&queries, deliveries)
	insertExpansions(&queries, expanding)
	insertIncidents(&queries, batch)
	writeEvents(&queries, store.EventsOf(batch))
	writeTold(&queries, told)
	writeUses(&queries, uses)
	writeRecipientUses(&queries, used)
	s.writeCounts(&queries, store.CountAccepted(batch))
	queues := queuesOf(jobs)
	if len(expanding) > 0 {
		queues = append(queues, store.ExpandQueue)
	}
	queries.Queue(announce, queues)
	if err := tx.SendBatch(ctx, &queries).Close(); err != nil {
		return fmt.Errorf("insert notifications: %w", err)
	}
	return nil
}

// assignJobs inserts jobs and writes their ids into their deliveries.
func (s *Store) assignJobs(ctx context.Context, tx pgx.Tx, deliveries []store.Delivery, jobs []store.Job) error {
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
	return nil
}

// insertNotifications queues the insert of notifications. It fails with errRepeated when a
// key is taken.
func insertNotifications(queries *pgx.Batch, batch []store.Acceptance) error {
	unmatched, err := jsonLists(batch, func(a *store.Acceptance) []store.Recipient { return a.Notification.Unmatched })
	if err != nil {
		return fmt.Errorf("unmatched recipients: %w", err)
	}
	queries.Queue(`
		INSERT INTO notifications (id, app_id, idempotency_key, request_hash, unmatched, total, created_at, updated_at,
			send_at, expires_at, priority, test, kind, withheld, cancelled, contacts, expansion,
			thread, thread_id, thread_seq, resolved, incident_id)
		SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::bytea[]), unnest($5::jsonb[]),
			unnest($6::integer[]), unnest($7::timestamptz[]), unnest($8::timestamptz[]), unnest($9::timestamptz[]),
			unnest($10::timestamptz[]), unnest($11::text[]), unnest($12::boolean[]), unnest($13::text[]),
			unnest($14::jsonb[]), unnest($15::integer[]), unnest($16::json[]), unnest($17::text[]), unnest($18::text[]),
			unnest($19::uuid[]), unnest($20::bigint[]), unnest($21::boolean[]), unnest($22::uuid[])
		ON CONFLICT (app_id, idempotency_key) DO NOTHING`,
		column(batch, func(a *store.Acceptance) [16]byte { return a.Notification.ID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.AppID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.IdempotencyKey }),
		column(batch, func(a *store.Acceptance) []byte { return a.Notification.RequestHash }),
		unmatched,
		column(batch, func(a *store.Acceptance) int { return len(a.Deliveries) }),
		column(batch, func(a *store.Acceptance) time.Time { return a.Notification.CreatedAt }),
		column(batch, func(a *store.Acceptance) time.Time { return a.Notification.UpdatedAt }),
		column(batch, func(a *store.Acceptance) *time.Time { return a.Notification.SendAt }),
		column(batch, func(a *store.Acceptance) *time.Time { return a.Notification.ExpiresAt }),
		column(batch, func(a *store.Acceptance) string { return string(a.Notification.Priority) }),
		column(batch, func(a *store.Acceptance) bool { return a.Notification.Test }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.Kind }),
		column(batch, func(a *store.Acceptance) []byte { return a.Notification.Withheld.JSON() }),
		column(batch, func(a *store.Acceptance) int { return a.Notification.Withheld.Sum() }),
		column(batch, func(a *store.Acceptance) []byte { return a.Notification.Reach.JSON() }),
		column(batch, func(a *store.Acceptance) *string { return a.Notification.Expansion.State() }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.Thread }),
		column(batch, func(a *store.Acceptance) pgtype.UUID { return optionalID(a.Notification.ThreadID) }),
		column(batch, func(a *store.Acceptance) int64 { return a.Notification.ThreadSeq }),
		column(batch, func(a *store.Acceptance) bool { return a.Notification.Resolved }),
		column(batch, func(a *store.Acceptance) pgtype.UUID { return optionalID(a.Notification.IncidentID) })).
		Exec(func(inserted pgconn.CommandTag) error {
			if int(inserted.RowsAffected()) < len(batch) {
				return errRepeated
			}
			return nil
		})
	return nil
}

// jsonLists returns a list of each row as JSON; nil where it is empty.
func jsonLists[T any](rows []T, list func(*T) []store.Recipient) ([][]byte, error) {
	encoded := make([][]byte, len(rows))
	for i := range rows {
		recipients := list(&rows[i])
		if len(recipients) == 0 {
			continue
		}
		var err error
		if encoded[i], err = json.Marshal(recipients); err != nil {
			return nil, err
		}
	}
	return encoded, nil
}

// insertMessages queues the insert of messages.
func insertMessages(queries *pgx.Batch, messages []store.Message) error {
	mention, err := jsonLists(messages, func(m *store.Message) []store.Recipient { return m.Mention })
	if err != nil {
		return fmt.Errorf("mention: %w", err)
	}
	queries.Queue(`
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body,
			template_code, params, mention, template_codes)
		SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]), unnest($5::integer[]),
			unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::json[]),
			unnest($11::jsonb[]), unnest($12::jsonb[])`,
		column(messages, func(m *store.Message) [16]byte { return m.ID }),
		column(messages, func(m *store.Message) [16]byte { return m.NotificationID }),
		column(messages, func(m *store.Message) string { return m.Channel }),
		column(messages, func(m *store.Message) string { return m.TemplateName }),
		column(messages, func(m *store.Message) int { return m.TemplateVersion }),
		column(messages, func(m *store.Message) string { return m.MsgType }),
		column(messages, func(m *store.Message) string { return m.Subject }),
		column(messages, func(m *store.Message) string { return m.Body }),
		column(messages, func(m *store.Message) string { return m.TemplateCode }),
		column(messages, func(m *store.Message) []byte { return m.Params }),
		mention,
		column(messages, func(m *store.Message) []byte { return m.TemplateCodes.JSON() }))
	return nil
}
