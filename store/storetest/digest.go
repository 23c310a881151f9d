package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var digestCases = map[string]func(*testing.T, bundle){
	"Digests/items of several notifications are one delivery":     digestGathered,
	"Digests/apps, kinds, channels, recipients and keys apart":    digestsApart,
	"Digests/what is written before opens none":                   digestReplayed,
	"Digests/capped deliveries are items":                         digestOfCapped,
	"Digests/a closed one takes no items":                         digestClosed,
	"Digests/each item in one digest when many accept and close":  digestConcurrently,
	"Digests/the same people in opposite orders":                  digestOppositeBatches,
	"Digests/items that must not be sent any more leave it":       digestLeft,
	"Digests/all of its items leave it":                           digestEmpty,
	"Digests/beyond a cap it waits and takes more items":          digestCapped,
	"Digests/its message is written once":                         digestWritten,
	"Record/items end with their digest":                          digestRecorded,
	"Record/items of a digest that was sent again":                digestRequeued,
	"CloseOrphans/items end with their digest":                    digestOrphan,
	"Cancel/an item leaves its digest":                            digestItemCancelled,
	"Cancel/an item of a closed digest stays":                     digestClosedItemCancelled,
	"Cancel/a digest with its items":                              digestCancelled,
	"Cancel/items and digests when others accept, close and send": digestCancelConcurrently,
	"Erase/a recipient with digest and items":                     digestErased,
	"Erase/a notification with items":                             digestItemErased,
	"DeleteClosed/digests and items":                              digestDeleted,
}

// gatheredItem returns an acceptance whose deliveries go into digests.
func gatheredItem(key string, recipients int) store.Acceptance {
	a := Acceptance("app", key, recipients)
	a.Notification.Kind, a.Kind = "billing", &store.Kind{Name: "billing", Digest: &store.Digest{Window: "1h", Template: "digest"}}
	a.Messages[0].Params = fmt.Appendf(nil, `{"key":%q}`, key)
	a.Digests = map[uuid.UUID]store.DigestPlan{}
	for _, d := range a.Deliveries {
		plan := store.DigestPlan{MessageID: newID(), TemplateName: "digest", TemplateVersion: 7}
		plan.ID, plan.SendAt = newID(), a.Notification.CreatedAt.Add(time.Hour)
		plan.DigestKey = store.DigestKey{Value: d.Recipient.Value, Type: d.Recipient.Type, Kind: "billing", Channel: d.Channel, AppID: "app"}
		a.Digests[d.ID] = plan
	}
	return a
}

// item accepts a delivery that goes into a digest, and returns it.
func (b bundle) item(t *testing.T, key string) store.Delivery {
	t.Helper()
	a := gatheredItem(key, 1)
	b.accept(t, a)
	return b.delivery(t, a.Deliveries[0].ID)
}

// close closes a digest and returns its items.
func (b bundle) closeDigest(t *testing.T, id uuid.UUID) []string {
	t.Helper()
	closed, err := b.CloseDigest(t.Context(), store.DigestClosing{Digest: b.delivery(t, id), Most: 1000, At: store.Now()})
	require.NoError(t, err)
	require.Zero(t, closed.Held)
	return textsOf(t, closed)
}

// textsOf returns the items of a digest, all of which it has.
func textsOf(t *testing.T, closed store.ClosedDigest) []string {
	t.Helper()
	require.Len(t, closed.Items, closed.Count)
	texts := make([]string, closed.Count)
	for i, item := range closed.Items {
		texts[i] = string(item)
	}
	return texts
}

func digestOutcome(d store.Delivery, attempt int, status store.DeliveryStatus) store.Outcome {
	o := outcome(d, attempt, status)
	o.Digest = true
	return o
}

func digestGathered(t *testing.T, b bundle) {
	batch := []store.Acceptance{gatheredItem("1", 2), gatheredItem("2", 1)}
	b.accept(t, batch...)
	last := b.item(t, "3")
	require.Equal(t, 2, b.count(t, "digests"))
	require.Equal(t, 2, b.count(t, "river_job"), "items have none")
	require.Equal(t, 5, b.count(t, "notifications"))

	first := b.delivery(t, batch[0].Deliveries[0].ID)
	digest := b.delivery(t, first.DigestID)
	for _, d := range []store.Delivery{first, b.delivery(t, batch[1].Deliveries[0].ID), last} {
		require.Equal(t, digest.ID, d.DigestID)
		require.True(t, d.IsItem())
		require.Equal(t, int64(store.NoJob), d.JobID)
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Equal(t, *digest.SendAt, *d.SendAt)
	}
	require.NotEqual(t, digest.ID, b.delivery(t, batch[0].Deliveries[1].ID).DigestID)
	require.Equal(t, uuid.Nil, batch[0].Deliveries[0].DigestID, "what was given stays as it was, for another try")
	require.True(t, digest.IsDigest())
	require.Positive(t, digest.JobID)
	require.Equal(t, digest.ID, digest.NotificationID)
	require.Equal(t, []any{"digest", 7, first.Recipient}, []any{digest.TemplateName, digest.TemplateVersion, digest.Recipient})
	n := b.notification(t, digest.ID)
	require.Equal(t, []any{"app", "billing", store.Counts{Total: 1, Pending: 1}}, []any{n.AppID, n.Kind, n.Counts})
	require.Equal(t, digest.SendAt, n.SendAt)

	found, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{DigestID: digest.ID}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, found, 4)
	orphans, err := b.Orphans(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Empty(t, orphans)
	require.Equal(t, []string{`{"key":"1"}`, `{"key":"2"}`, `{"key":"3"}`}, b.closeDigest(t, digest.ID))
	closed, err := b.CloseDigest(t.Context(), store.DigestClosing{Digest: digest, Most: 2, At: store.Now()})
	require.NoError(t, err)
	require.Equal(t, 3, closed.Count)
	closed.Count = 2
	require.Equal(t, []string{`{"key":"2"}`, `{"key":"3"}`}, textsOf(t, closed), "the newest")
}

func digestsApart(t *testing.T, b bundle) {
	change := func(key string, change func(*store.DigestPlan)) uuid.UUID {
		a := gatheredItem(key, 1)
		id := a.Deliveries[0].ID
		plan := a.Digests[id]
		change(&plan)
		a.Digests[id] = plan
		b.accept(t, a)
		return b.delivery(t, id).DigestID
	}
	seen := map[uuid.UUID]bool{}
	for i, c := range []func(*store.DigestPlan){
		func(*store.DigestPlan) {}, func(p *store.DigestPlan) { p.AppID = "other" }, func(p *store.DigestPlan) { p.Kind = "alert" },
		func(p *store.DigestPlan) { p.Channel = "sms" }, func(p *store.DigestPlan) { p.Type = "user" },
		func(p *store.DigestPlan) { p.Value = "x" }, func(p *store.DigestPlan) { p.Key = "k" },
	} {
		id := change(fmt.Sprint(i), c)
		require.False(t, seen[id], i)
		seen[id] = true
		require.Equal(t, id, change(fmt.Sprint(i, "again"), c), i)
	}
}

func digestReplayed(t *testing.T, b bundle) {
	b.item(t, "k")
	accepted, err := b.Accept(t.Context(), []store.Acceptance{gatheredItem("k", 2), gatheredItem("k", 3)})
	require.NoError(t, err)
	require.True(t, accepted[0].Replayed)
	require.True(t, accepted[1].Replayed)
	require.Equal(t, 1, b.count(t, "digests"))
	require.Equal(t, 2, b.count(t, "deliveries"))
	b.accept(t, Acceptance("app", "plain", 1))
	require.Equal(t, 1, b.count(t, "digests"), "without a digest")
}

func digestOfCapped(t *testing.T, b bundle) {
	for i := range 3 {
		a := gatheredItem(fmt.Sprint(i), 1)
		a.Kind.Caps = map[string]store.Cap{"email": {Limit: 1, Per: store.PerDay}}
		b.accept(t, a)
		require.True(t, b.delivery(t, a.Deliveries[0].ID).IsItem())
	}
	require.Equal(t, 1, b.count(t, "river_job"))
}

// digestLeft has one item of each sort: what holds for the address holds for all items, what holds
// for a contact for those to the contact.
func digestLeft(t *testing.T, b bundle) {
	add := func(key string, change func(*store.Delivery)) store.Delivery {
		a := gatheredItem(key, 1)
		change(&a.Deliveries[0])
		b.accept(t, a)
		return b.delivery(t, a.Deliveries[0].ID)
	}
	now := store.Now()
	soon, later := now.Add(time.Minute), now.Add(time.Hour)
	stays := add("stays", func(d *store.Delivery) { d.ExpiresAt = &later })
	opted := add("opted", func(d *store.Delivery) { d.Contact = "app/li" })
	expires := add("expires", func(d *store.Delivery) { d.ExpiresAt = &soon })
	li := store.Recipient{Type: store.RecipientContact, Value: "app/li"}
	require.NoError(t, b.SetPreferences(t.Context(), li, off([2]string{"billing", ""}), preferenceUpdate))

	closing := store.DigestClosing{
		Digest: b.delivery(t, stays.DigestID), Most: 100, At: soon, Suppressible: true,
		Kind: &store.Kind{Name: "billing", Optional: true},
	}
	for range 2 { // after a crash it is closed again
		closed, err := b.CloseDigest(t.Context(), closing)
		require.NoError(t, err)
		require.Equal(t, []string{`{"key":"stays"}`}, textsOf(t, closed))
	}
	for id, want := range map[uuid.UUID][]any{
		opted.ID: {store.DeliveryCancelled, store.CodeOptedOut}, expires.ID: {store.DeliveryDead, store.CodeExpired}, stays.ID: {store.DeliveryPending, ""},
	} {
		d := b.delivery(t, id)
		require.Equal(t, want, []any{d.Status, d.LastCode})
		require.Equal(t, id == stays.ID, d.IsItem())
	}
	require.Equal(t, store.Counts{Total: 1, Cancelled: 1}, b.notification(t, opted.NotificationID).Counts)
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, expires.NotificationID).Counts)
}

func digestEmpty(t *testing.T, b bundle) {
	kind := store.Kind{Name: "billing", Optional: true, Caps: map[string]store.Cap{"email": {Limit: 1, Per: store.PerDay}}}
	critical := store.Kind{Name: "billing", Critical: true}
	suppressed := func() { b.suppress(t) }
	optedOut := func() {
		require.NoError(t, b.SetPreferences(t.Context(), user0, off([2]string{"", "email"}), preferenceUpdate))
	}
	for i, c := range []struct {
		happens      func()
		kind         *store.Kind
		suppressible bool
		code         string // empty: it is sent
	}{
		{optedOut, nil, true, ""}, {optedOut, &critical, true, ""}, {optedOut, &kind, false, store.CodeOptedOut},
		{suppressed, nil, false, ""}, {suppressed, &critical, true, ""}, {suppressed, nil, true, store.CodeSuppressed},
	} {
		item := b.item(t, fmt.Sprint(i))
		c.happens()
		closed, err := b.CloseDigest(t.Context(), store.DigestClosing{
			Digest: b.delivery(t, item.DigestID), Most: 100, At: store.Now(), Kind: c.kind, Suppressible: c.suppressible,
		})
		require.NoError(t, err)
		require.Equal(t, c.code == "", closed.Count == 1, i)
		require.Equal(t, c.code, b.delivery(t, item.ID).LastCode, i)
		require.NoError(t, b.SetPreferences(t.Context(), user0, nil, preferenceUpdate))
	}
	require.Zero(t, b.count(t, "recipient_use WHERE used > 0"), "what is not sent uses no cap")
}

func digestCapped(t *testing.T, b bundle) {
	kind := store.Kind{
		Name: "billing", Caps: map[string]store.Cap{"email": {Limit: 2, Per: store.PerDay}},
		Quiet: &store.Quiet{From: "22:00", To: "08:00", TimeZone: "Asia/Shanghai"},
	}
	// 20:30 in Shanghai.
	now := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	closing := func(id uuid.UUID, at time.Time) store.DigestClosing {
		return store.DigestClosing{Digest: b.delivery(t, id), Most: 100, At: at, Kind: &kind}
	}
	for i := range 2 {
		id := b.item(t, fmt.Sprint(i)).DigestID
		for range 2 { // it is counted once
			closed, err := b.CloseDigest(t.Context(), closing(id, now))
			require.NoError(t, err)
			require.Len(t, textsOf(t, closed), 1)
		}
	}
	item := b.item(t, "held")
	closed, err := b.CloseDigest(t.Context(), closing(item.DigestID, now))
	require.NoError(t, err)
	midnight := time.Date(2026, 3, 1, 16, 0, 0, 0, time.UTC)
	require.Equal(t, store.ClosedDigest{Held: midnight}, closed)
	for _, id := range []uuid.UUID{item.ID, item.DigestID} {
		require.Equal(t, midnight, *b.delivery(t, id).SendAt)
	}
	more := b.item(t, "more")
	require.Equal(t, item.DigestID, more.DigestID)
	require.Equal(t, midnight, *more.SendAt)
	closed, err = b.CloseDigest(t.Context(), closing(item.DigestID, midnight))
	require.NoError(t, err)
	require.Equal(t, []string{`{"key":"held"}`, `{"key":"more"}`}, textsOf(t, closed))
}

func digestClosed(t *testing.T, b bundle) {
	first := b.item(t, "1")
	require.Len(t, b.closeDigest(t, first.DigestID), 1)
	second := b.item(t, "2")
	require.NotEqual(t, first.DigestID, second.DigestID)
	require.Equal(t, []string{`{"key":"1"}`}, b.closeDigest(t, first.DigestID))
	require.Equal(t, []string{`{"key":"2"}`}, b.closeDigest(t, second.DigestID))
}

func digestConcurrently(t *testing.T, b bundle) {
	const callers, each = 8, 6
	errs := make([]error, callers)
	concurrently(t, callers, func(i int) {
		for j := range each {
			a := gatheredItem(fmt.Sprint(i, "-", j), 3)
			if _, err := b.Accept(t.Context(), []store.Acceptance{a}); err != nil {
				errs[i] = err
				return
			}
			if d, err := b.Delivery(t.Context(), a.Deliveries[0].ID); err != nil {
				errs[i] = err
			} else if i%2 == 0 {
				digest := store.Delivery{ID: d.DigestID, Channel: d.Channel, Recipient: d.Recipient}
				_, errs[i] = b.CloseDigest(t.Context(), store.DigestClosing{Digest: digest, Most: 1000, At: store.Now()})
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	digests, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{Template: "digest"}, uuid.Nil, 1000)
	require.NoError(t, err)
	total := 0
	for _, d := range digests {
		total += len(b.closeDigest(t, d.ID))
	}
	require.Equal(t, callers*each*3, total)
	require.Zero(t, b.count(t, "digests"))
}

func digestOppositeBatches(t *testing.T, b bundle) {
	errs := make([]error, 8)
	concurrently(t, len(errs), func(i int) {
		for j := range 3 {
			a := gatheredItem(fmt.Sprint(i, "-", j), 50)
			if i%2 == 0 {
				slices.Reverse(a.Deliveries)
				slices.Reverse(a.Jobs)
			}
			if _, err := b.Accept(t.Context(), []store.Acceptance{a}); err != nil {
				errs[i] = err
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 50, b.count(t, "digests"))
	require.Equal(t, 50, b.count(t, "river_job"))
}

func digestWritten(t *testing.T, b bundle) {
	digest := b.delivery(t, b.item(t, "1").DigestID)
	m := store.Message{
		ID: digest.MessageID, NotificationID: digest.ID, Channel: "email", TemplateName: "digest", TemplateVersion: 7,
		MsgType: "html", Subject: "s", Body: "first", TemplateCode: "c", TemplateCodes: store.Codes{"p": "d"}, Params: []byte(`{"a": 1}`),
	}
	for _, body := range []string{"first", "second"} {
		other := m
		other.Body = body
		written, err := b.WriteDigest(t.Context(), other)
		require.NoError(t, err)
		require.Equal(t, m, written)
	}
}

func digestRecorded(t *testing.T, b bundle) {
	for _, status := range []store.DeliveryStatus{store.DeliverySuccess, store.DeliveryDead} {
		item, other := b.item(t, "1"+string(status)), b.item(t, "2"+string(status))
		b.closeDigest(t, item.DigestID)
		digest := b.delivery(t, item.DigestID)
		require.Equal(t, []bool{true}, b.record(t.Context(), t, digestOutcome(digest, 1, store.DeliveryFailed)))
		require.Equal(t, store.DeliveryPending, b.delivery(t, item.ID).Status)
		_, plain := b.acceptOne(t, 1)
		require.Equal(t, []bool{true, true}, b.record(t.Context(), t, digestOutcome(digest, 2, status), outcome(plain[0], 1, status)))
		for _, d := range []store.Delivery{b.delivery(t, item.ID), b.delivery(t, other.ID)} {
			require.Equal(t, status, d.Status)
			require.Equal(t, digest.ID, d.DigestID)
			n := b.notification(t, d.NotificationID)
			if status == store.DeliverySuccess {
				require.Equal(t, store.CodeDigested, d.LastCode)
				require.Equal(t, store.Counts{Total: 1, Success: 1}, n.Counts)
			} else {
				require.Equal(t, "timeout", d.LastCode)
				require.Equal(t, store.Counts{Total: 1, Dead: 1}, n.Counts)
			}
		}
		require.Equal(t, status, b.delivery(t, digest.ID).Status)
	}
	counted := map[store.Counted]int{}
	counts, err := b.HourlyCounts(t.Context(), "", "", time.Now().Add(-2*time.Hour))
	require.NoError(t, err)
	for _, c := range counts {
		counted[c.Counted] += c.Amount
	}
	require.Equal(t, map[store.Counted]int{store.CountedAccepted: 4, store.CountedSuccess: 2, store.CountedFailed: 2, store.CountedDead: 2}, counted, "a digest counts, its items do not")
}

func digestRequeued(t *testing.T, b bundle) {
	item := b.item(t, "1")
	b.closeDigest(t, item.DigestID)
	digest := b.delivery(t, item.DigestID)
	b.record(t.Context(), t, digestOutcome(digest, 1, store.DeliveryDead))
	groups, _, err := b.DeadGroups(t.Context(), "", 100)
	require.NoError(t, err)
	require.Equal(t, 1, groups[0].Count, "the digest")
	item = b.delivery(t, item.ID)
	requeue := func(d store.Delivery) bool {
		requeued, err := b.Requeue(t.Context(), []store.Requeue{{DeliveryID: d.ID, JobID: d.JobID, Job: jobOf(d), At: store.Now(), Audit: actor.Did(store.AuditDeliveryRetry, d.ID.String())}})
		require.NoError(t, err)
		return requeued[0]
	}
	require.False(t, requeue(item), "an item goes with its digest")
	require.True(t, requeue(b.delivery(t, digest.ID)))
	digest = b.delivery(t, digest.ID)
	b.record(t.Context(), t, digestOutcome(digest, 1, store.DeliverySuccess))
	require.Equal(t, store.DeliverySuccess, b.delivery(t, item.ID).Status)
	require.Equal(t, store.NotificationSuccess, b.notification(t, item.NotificationID).Status)
}

func digestOrphan(t *testing.T, b bundle) {
	item := b.item(t, "1")
	digest := b.delivery(t, item.DigestID)
	b.deleteJob(t, digest.JobID)
	orphans, err := b.Orphans(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Len(t, orphans, 1)
	closed, err := b.CloseOrphans(t.Context(), []store.Closing{{
		DeliveryID: digest.ID, JobID: digest.JobID, Status: store.DeliveryDead, Code: "job_deleted", Error: "its job was deleted", At: store.Now(),
	}})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, closed)
	item = b.delivery(t, item.ID)
	require.Equal(t, []any{store.DeliveryDead, "job_deleted"}, []any{item.Status, item.LastCode})
	require.Equal(t, store.NotificationFailed, b.notification(t, item.NotificationID).Status)
	require.Zero(t, b.count(t, "digests"))
	require.NotEqual(t, digest.ID, b.item(t, "2").DigestID)
}

func cancelNotification(t *testing.T, b bundle, id uuid.UUID) int {
	t.Helper()
	cancelled, err := b.Cancel(t.Context(), store.Cancellation{NotificationID: id, Limit: 100, Code: "cancelled", Error: "by hand", At: store.Now()})
	require.NoError(t, err)
	return cancelled.Deliveries
}

func digestItemCancelled(t *testing.T, b bundle) {
	item, stays := b.item(t, "1"), b.item(t, "2")
	require.Equal(t, 1, cancelNotification(t, b, item.NotificationID))
	d := b.delivery(t, item.ID)
	require.Equal(t, []any{store.DeliveryCancelled, uuid.Nil}, []any{d.Status, d.DigestID})
	require.Equal(t, []string{`{"key":"2"}`}, b.closeDigest(t, stays.DigestID))
	b.record(t.Context(), t, digestOutcome(b.delivery(t, stays.DigestID), 1, store.DeliverySuccess))
	require.Equal(t, store.DeliveryCancelled, b.delivery(t, item.ID).Status)
	require.Equal(t, store.DeliverySuccess, b.delivery(t, stays.ID).Status)
}

func digestClosedItemCancelled(t *testing.T, b bundle) {
	item := b.item(t, "1")
	b.closeDigest(t, item.DigestID)
	require.Zero(t, cancelNotification(t, b, item.NotificationID), "it is being sent")
	require.Equal(t, store.DeliveryPending, b.delivery(t, item.ID).Status)
	require.Zero(t, b.erase(t, erasure(store.Recipient{}, item.NotificationID)).Deliveries)
}

func digestCancelled(t *testing.T, b bundle) {
	item := b.item(t, "1")
	require.Equal(t, 1, cancelNotification(t, b, item.DigestID))
	require.Equal(t, store.DeliveryCancelled, b.delivery(t, item.ID).Status)
	require.Equal(t, store.NotificationCancelled, b.notification(t, item.NotificationID).Status)
	require.Zero(t, b.count(t, "digests"))
	require.Zero(t, b.count(t, "river_job"))
	require.NotEqual(t, item.DigestID, b.item(t, "2").DigestID)
}

func digestCancelConcurrently(t *testing.T, b bundle) {
	const callers, each = 8, 8
	errs := make([]error, callers)
	var mu sync.Mutex
	rendered := map[string]int{} // how often, by item
	concurrently(t, callers, func(i int) {
		for j := range each {
			key := fmt.Sprint(i, "-", j)
			a := gatheredItem(key, 1)
			a.Deliveries[0].Status = store.DeliveryPending
			if _, err := b.Accept(t.Context(), []store.Acceptance{a}); err != nil {
				errs[i] = err
				return
			}
			d, err := b.Delivery(t.Context(), a.Deliveries[0].ID)
			if err != nil {
				errs[i] = err
				return
			}
			switch (i + j) % 4 {
			case 0:
				_, err = b.Cancel(t.Context(), store.Cancellation{NotificationID: d.NotificationID, Limit: 100, Code: "cancelled", At: store.Now()})
			case 1:
				_, err = b.Cancel(t.Context(), store.Cancellation{NotificationID: d.DigestID, Limit: 100, Code: "cancelled", At: store.Now()})
			case 2:
				digest, _ := b.Delivery(t.Context(), d.DigestID)
				if !digest.Status.Open() {
					continue
				}
				var closed store.ClosedDigest
				if closed, err = b.CloseDigest(t.Context(), store.DigestClosing{Digest: digest, Most: 1000, At: store.Now()}); err == nil {
					var recorded []bool
					recorded, err = b.Record(t.Context(), []store.Outcome{digestOutcome(digest, 1, store.DeliverySuccess)})
					if err == nil && recorded[0] {
						mu.Lock()
						for _, item := range closed.Items {
							rendered[string(item)]++
						}
						mu.Unlock()
					}
				}
			}
			if err != nil {
				errs[i] = err
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	for i := range callers {
		for j := range each {
			n, err := b.NotificationByKey(t.Context(), "app", fmt.Sprint(i, "-", j))
			require.NoError(t, err)
			require.Equal(t, n.Counts.Success == 1, rendered[fmt.Sprintf(`{"key":"%d-%d"}`, i, j)] == 1, "%d-%d: %+v", i, j, n.Counts)
		}
	}
	require.Zero(t, b.count(t, "notifications WHERE failed + success + dead + cancelled > total"))
}

func digestErased(t *testing.T, b bundle) {
	sent := b.item(t, "1")
	b.closeDigest(t, sent.DigestID)
	digest := b.delivery(t, sent.DigestID)
	_, err := b.WriteDigest(t.Context(), store.Message{ID: digest.MessageID, NotificationID: digest.ID, Channel: "email", Body: "secret"})
	require.NoError(t, err)
	b.record(t.Context(), t, digestOutcome(digest, 1, store.DeliverySuccess))
	item := b.item(t, "2")
	done := b.erase(t, erasure(item.Recipient, uuid.Nil))
	require.Equal(t, 4, done.Deliveries, "two digests with an item each")
	for _, id := range []uuid.UUID{item.ID, item.DigestID, sent.ID, sent.DigestID} {
		require.True(t, b.delivery(t, id).IsErased())
	}
	require.Zero(t, b.count(t, "digests"))
	require.Zero(t, b.count(t, "messages WHERE body = 'secret'"))
	require.Zero(t, b.count(t, "messages WHERE params IS NOT NULL"))
}

func digestItemErased(t *testing.T, b bundle) {
	sent, other := b.item(t, "1"), b.item(t, "2")
	b.closeDigest(t, sent.DigestID)
	digest := b.delivery(t, sent.DigestID)
	_, err := b.WriteDigest(t.Context(), store.Message{ID: digest.MessageID, NotificationID: digest.ID, Channel: "email", Body: "secret"})
	require.NoError(t, err)
	b.record(t.Context(), t, digestOutcome(digest, 1, store.DeliverySuccess))
	b.erase(t, erasure(store.Recipient{}, sent.NotificationID))
	require.True(t, b.delivery(t, digest.ID).IsErased(), "its text holds the item")
	require.Zero(t, b.count(t, "messages WHERE body = 'secret'"))
	require.False(t, b.delivery(t, other.ID).IsErased())

	leaves, stays := b.item(t, "3"), b.item(t, "4")
	b.erase(t, erasure(store.Recipient{}, leaves.NotificationID))
	require.True(t, b.delivery(t, leaves.ID).IsErased())
	require.Equal(t, []string{`{"key":"4"}`}, b.closeDigest(t, stays.DigestID))
}

func digestDeleted(t *testing.T, b bundle) {
	item := b.item(t, "1")
	b.closeDigest(t, item.DigestID)
	b.record(t.Context(), t, digestOutcome(b.delivery(t, item.DigestID), 1, store.DeliverySuccess))
	deleted, _, err := b.DeleteClosed(t.Context(), time.Now().Add(2*time.Hour), 100)
	require.NoError(t, err)
	require.Equal(t, 2, deleted)
	require.Zero(t, b.count(t, "deliveries"))
}
