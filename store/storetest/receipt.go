package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var receiptCases = map[string]func(*testing.T, bundle){
	"SetReceipts/only stronger ones":          receiptsOnlyStronger,
	"SetReceipts/by reference":                receiptsByReference,
	"SetReceipts/of nothing":                  receiptsOfNothing,
	"SetReceipts/opposite batches":            receiptsOppositeBatches,
	"SetReceipts/an erased delivery":          receiptsErased,
	"Record/asks":                             recordAsks,
	"Record/a fenced outcome asks nothing":    recordAsksOnce,
	"CloseOrphans/asks":                       closeAsks,
	"Requeue/by itself":                       requeueByItself,
	"Record/a held delivery that was found":   recordFound,
	"ListDeliveries/receipt":                  deliveriesByReceipt,
	"Retention/questions outlive their owner": questionsOfDeleted,
}

func (b bundle) setReceipts(t *testing.T, batch ...store.Received) []bool {
	t.Helper()
	set, err := b.SetReceipts(t.Context(), batch)
	require.NoError(t, err)
	require.Len(t, set, len(batch))
	return set
}

func receiptsOnlyStronger(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	want, before := b.delivery(t, deliveries[0].ID), b.notification(t, n.ID)
	at := store.Now()
	for i, c := range []struct {
		receipt store.Receipt
		set     bool
	}{
		{store.ReceiptUnknown, true},
		{store.ReceiptUnknown, false},
		{store.ReceiptFailed, true},
		{store.ReceiptUnknown, false},
		{store.ReceiptDelivered, true},
		{store.ReceiptFailed, false},
		{store.ReceiptRead, true},
		{store.ReceiptDelivered, false},
		{store.ReceiptAnswered, true},
		{store.ReceiptRead, false},
	} {
		happened := at.Add(time.Duration(i) * time.Second)
		require.Equal(t, []bool{c.set}, b.setReceipts(t, store.Received{
			DeliveryID: want.ID, Receipt: c.receipt, Code: string(c.receipt) + "_code", At: happened,
		}), c.receipt)
		if c.set {
			want.Receipt, want.ReceiptCode, want.ReceiptAt = c.receipt, string(c.receipt)+"_code", &happened
		}
		require.Equal(t, want, b.delivery(t, want.ID), "its status and all else stay")
	}
	require.Equal(t, before, b.notification(t, n.ID))
}

func receiptsByReference(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 4)
	for i, reference := range []string{"om_1", "om_2", "om_2", ""} {
		o := outcome(deliveries[i], 1, store.DeliverySuccess)
		o.Reference = reference
		b.record(t.Context(), t, o)
	}
	read := func(provider, reference string) store.Received {
		return store.Received{Provider: provider, Reference: reference, Receipt: store.ReceiptRead, At: store.Now()}
	}
	require.Equal(t, []bool{false, true, false, false, true}, b.setReceipts(t,
		read("smtp", "om_3"), read("smtp", "om_2"), read("other", "om_1"), read("smtp", ""),
		store.Received{DeliveryID: deliveries[0].ID, Receipt: store.ReceiptDelivered, At: store.Now()}))
	var got []store.Receipt
	for _, d := range deliveries {
		got = append(got, b.delivery(t, d.ID).Receipt)
	}
	require.Equal(t, []store.Receipt{store.ReceiptDelivered, "", store.ReceiptRead, ""}, got, "the newest has it")
	require.Equal(t, []bool{true}, b.setReceipts(t, read("smtp", "om_1")))
}

func receiptsOfNothing(t *testing.T, b bundle) {
	require.Empty(t, b.setReceipts(t))
	require.Equal(t, []bool{false}, b.setReceipts(t, store.Received{DeliveryID: newID(), Receipt: store.ReceiptRead, At: store.Now()}))
}

// Batches that have the same deliveries in opposite order do not deadlock, with outcomes beside them.
func receiptsOppositeBatches(t *testing.T, b bundle) {
	one, two := Acceptance("app", "one", 1), Acceptance("app", "two", 1)
	b.accept(t, one, two)
	first, second := b.delivery(t, one.Deliveries[0].ID), b.delivery(t, two.Deliveries[0].ID)
	concurrently(t, 30, func(i int) {
		batch := []store.Delivery{first, second}
		if i%2 == 1 {
			batch = []store.Delivery{second, first}
		}
		var receipts []store.Received
		var outcomes []store.Outcome
		for _, d := range batch {
			receipts = append(receipts, store.Received{DeliveryID: d.ID, Receipt: store.ReceiptDelivered, At: store.Now()})
			outcomes = append(outcomes, outcome(d, i+1, store.DeliveryFailed))
		}
		_, err := b.SetReceipts(t.Context(), receipts)
		require.NoError(t, err)
		_, err = b.Record(t.Context(), outcomes)
		require.NoError(t, err)
	})
	require.Equal(t, store.ReceiptDelivered, b.delivery(t, first.ID).Receipt)
}

func receiptsErased(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	b.setReceipts(t, store.Received{DeliveryID: deliveries[0].ID, Receipt: store.ReceiptDelivered, Code: "DELIVERED", At: store.Now()})
	_, err := b.Erase(t.Context(), store.Erasure{NotificationID: n.ID, Limit: 10, At: store.Now()})
	require.NoError(t, err)
	require.Equal(t, store.ReceiptDelivered, b.delivery(t, deliveries[0].ID).Receipt, "states and codes stay")
}

// questions returns the deliveries of the jobs that ask, in the order in which they were inserted. None is due.
func (b bundle) questions(t *testing.T) []uuid.UUID {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), `SELECT args ->> 'deliveryId', queue, state FROM river_job WHERE kind = 'ask' ORDER BY id`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var asked []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		var queue, state string
		require.NoError(t, rows.Scan(&id, &queue, &state))
		require.Equal(t, []string{store.AskQueue, string(store.JobScheduled)}, []string{queue, state})
		asked = append(asked, id)
	}
	require.NoError(t, rows.Err())
	return asked
}

func recordAsks(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	at := store.Now().Add(time.Minute)
	arrived, held := outcome(deliveries[0], 1, store.DeliverySuccess), outcome(deliveries[2], 1, store.DeliveryDead)
	arrived.AskAt, held.AskAt = &at, &at
	require.Equal(t, []bool{true, true, true}, b.record(t.Context(), t, arrived, outcome(deliveries[1], 1, store.DeliverySuccess), held))
	require.ElementsMatch(t, []uuid.UUID{deliveries[0].ID, deliveries[2].ID}, b.questions(t))
}

func recordAsksOnce(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 2)
	at := store.Now().Add(time.Minute)
	o := outcome(deliveries[0], 2, store.DeliverySuccess)
	o.AskAt = &at
	late, unknown := outcome(deliveries[0], 1, store.DeliverySuccess), outcome(store.Delivery{ID: newID(), JobID: 1}, 1, store.DeliverySuccess)
	late.AskAt, unknown.AskAt = &at, &at
	require.Equal(t, []bool{true}, b.record(t.Context(), t, o))
	require.Equal(t, []bool{true}, b.record(t.Context(), t, o), "the reply to its commit was lost")
	require.Equal(t, []bool{false, false}, b.record(t.Context(), t, late, unknown))
	require.Equal(t, []uuid.UUID{deliveries[0].ID}, b.questions(t))
}

func closeAsks(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	b.record(t.Context(), t, outcome(deliveries[2], 1, store.DeliverySuccess))
	at := store.Now().Add(time.Minute)
	lost, arrived := closing(deliveries[0], store.DeliveryDead), closing(deliveries[2], store.DeliveryDead)
	lost.AskAt, arrived.AskAt = &at, &at
	closed, err := b.CloseOrphans(t.Context(), []store.Closing{lost, closing(deliveries[1], store.DeliveryDead), arrived})
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, false}, closed)
	require.Equal(t, []uuid.UUID{deliveries[0].ID}, b.questions(t))
}

func requeueByItself(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryDead))
	r := requeueOf(d)
	r.ByItself = true
	require.Equal(t, []bool{true}, b.requeue(t, r))
	d = b.delivery(t, d.ID)
	require.True(t, d.SentAgain)
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryDead))
	require.True(t, b.delivery(t, d.ID).SentAgain)
	require.Equal(t, []bool{true}, b.requeue(t, requeueOf(d)))
	require.False(t, b.delivery(t, d.ID).SentAgain, "somebody has decided")
}

// A held delivery that its vendor has becomes a success by one more attempt, unless it was requeued.
func recordFound(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	for _, d := range deliveries {
		b.record(t.Context(), t, outcome(d, 1, store.DeliveryDead))
	}
	require.Equal(t, []bool{true}, b.requeue(t, requeueOf(deliveries[1])))
	require.Equal(t, []bool{true, false}, b.record(t.Context(), t,
		outcome(deliveries[0], 2, store.DeliverySuccess), outcome(deliveries[1], 2, store.DeliverySuccess)))
	require.Equal(t, store.Counts{Total: 2, Pending: 1, Success: 1}, b.notification(t, n.ID).Counts)
}

func deliveriesByReceipt(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	b.setReceipts(t,
		store.Received{DeliveryID: deliveries[0].ID, Receipt: store.ReceiptDelivered, At: store.Now()},
		store.Received{DeliveryID: deliveries[2].ID, Receipt: store.ReceiptFailed, At: store.Now()})
	for receipt, want := range map[store.Receipt][]store.Delivery{
		"":                     deliveries,
		store.ReceiptDelivered: deliveries[:1],
		store.ReceiptFailed:    deliveries[2:],
		store.ReceiptRead:      nil,
	} {
		got, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{Receipt: receipt}, uuid.Nil, 10)
		require.NoError(t, err)
		require.Equal(t, newestFirst(want...), newestFirst(got...), receipt)
	}
}

func questionsOfDeleted(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	at := store.Now().Add(time.Minute)
	o := outcome(deliveries[0], 1, store.DeliverySuccess)
	o.AskAt = &at
	b.record(t.Context(), t, o)
	_, _, err := b.DeleteClosed(t.Context(), store.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, []bool{false}, b.setReceipts(t, store.Received{DeliveryID: deliveries[0].ID, Receipt: store.ReceiptRead, At: at}))
	require.Len(t, b.questions(t), 1, "its worker finds no delivery")
}
