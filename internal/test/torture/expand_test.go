package torture

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// A worker is killed in the middle of a batch of a group too large for one request, after a batch,
// and before the first one.
func TestKillsWhileAGroupIsExpanded(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.open(1)
	members := length(3_800, 10_000) // on eight channels they are more than one request bears
	s.everyone(members)
	kills := length([]int{1000}, []int{0, 1000, 1000, 3000, 5000, 9000})
	for i, contacts := range kills {
		s.killExpanding(fmt.Sprint(i), members, contacts)
	}
	b := s.close()
	results.add(23, fmt.Sprintf("%d kills, a group of %d", len(kills), members), b, "")
	require.Equal(t, len(kills)*members, b.accepted)
	require.Equal(t, map[string]int{"success": len(kills) * members}, b.ended["feishu_app"])
	requireNoDup(t, b, "feishu_app")
	require.Equal(t, 0, s.count(`SELECT count(*) FROM (SELECT FROM deliveries GROUP BY notification_id, recipient_value HAVING count(*) > 1) twice`))
}

// everyone stores a group of contacts that have an address for one of the channels.
func (s *stage) everyone(members int) {
	s.t.Helper()
	s.exec(`INSERT INTO contacts (owner, name, addresses, locale, time_zone, labels, created_at, updated_at)
		SELECT '', 'person-' || i, jsonb_build_array(jsonb_build_object('type', 'feishu_user_id', 'value', 'ou_' || i)), '', '', '{"all": "yes"}', now(), now()
		FROM generate_series(1, $1::int) i`, members)
	s.exec(`INSERT INTO contact_groups (owner, name, contacts, labels, created_at, updated_at) VALUES ('', 'everyone', '[]', '{"all": "yes"}', now(), now())`)
}

// killExpanding sends to everyone, and kills the only worker in the transaction of the batch that
// begins after so many contacts.
func (s *stage) killExpanding(key string, members, contacts int) {
	s.exec(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$`)
	s.exec(fmt.Sprintf(`CREATE TRIGGER hold BEFORE UPDATE ON expansions FOR EACH ROW WHEN (NEW.contacts > %d) EXECUTE FUNCTION hold()`, contacts))
	unlock := s.hold(`SELECT pg_advisory_xact_lock(1)`)

	body := request(key, slices.Concat(once, held, []string{"email", "wecom_group"})...)
	body["recipients"] = []map[string]string{{"type": "group", "value": "everyone"}}
	r := s.fleet.take()
	answer := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
	s.ledger.accept(answer.Body["notificationId"].(string), members)
	s.until(harness.Patience, 1, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
	require.Equal(s.t, contacts, s.count(`SELECT contacts FROM expansions WHERE done_at IS NULL`))
	r.Kill()
	s.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'sealos-notify'`)
	unlock()
	s.exec(`DROP TRIGGER hold ON expansions`)
	s.exec(`DROP FUNCTION hold`)

	s.endLeases()
	s.fleet.add(s.Start())
	s.until(2*harness.Patience, 0, `SELECT count(*) FROM expansions WHERE done_at IS NULL`)
	s.drain()
}
