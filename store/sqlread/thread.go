package sqlread

import (
	"context"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// ThreadColumns are those that Thread scans.
const ThreadColumns = `app_id, name, id, seq`

// Thread scans ThreadColumns.
func Thread(row Row) (t store.Thread, err error) {
	var incident *uuid.UUID
	err = row.Scan(&t.AppID, &t.Name, &t.ID, &t.Seq, &incident)
	if incident != nil {
		t.IncidentID = *incident
	}
	return t, err
}

// ThreadMessageColumns are those that ThreadMessage scans.
const ThreadMessageColumns = `recipient_value, recipient_type, channel, thread_id, mark, provider, reference, seq, delivery_id, busy_until`

// ThreadMessage scans ThreadMessageColumns.
func ThreadMessage(row Row) (m store.ThreadMessage, err error) {
	err = row.Scan(&m.RecipientValue, &m.RecipientType, &m.Channel, &m.ThreadID, &m.Mark, &m.Provider, &m.Reference,
		&m.Seq, &m.DeliveryID, &m.BusyUntil)
	return m, err
}

// ThreadMessage implements store.Threads.
func (r Reader) ThreadMessage(ctx context.Context, key store.ThreadMessageKey) (store.ThreadMessage, error) {
	m, err := one(ctx, r.DB, ThreadMessage, `SELECT `+ThreadMessageColumns+` FROM thread_messages
		WHERE recipient_value = $1 AND recipient_type = $2 AND channel = $3 AND thread_id = $4`,
		key.RecipientValue, key.RecipientType, key.Channel, key.ThreadID)
	return wrapped(m, err, "message of a thread")
}

// Superseded is the condition on a delivery d of a thread that a later one had its turn, or may have it
// now. A later one with other quiet hours may have to wait.
func (r Reader) Superseded() string {
	return `(EXISTS (SELECT 1 FROM thread_messages m WHERE m.recipient_value = d.recipient_value AND m.recipient_type = d.recipient_type
			AND m.channel = d.channel AND m.thread_id = d.thread_id AND m.seq > d.thread_seq)
		OR EXISTS (SELECT 1 FROM deliveries l
			WHERE l.thread_id = d.thread_id AND l.recipient_value = d.recipient_value AND l.thread_seq > d.thread_seq
				AND l.status IN ('pending', 'failed') AND l.recipient_type = d.recipient_type AND l.channel = d.channel
				AND coalesce(l.send_at <= ` + r.Now + `, true) AND l.quiet IN ('', d.quiet)))`
}
