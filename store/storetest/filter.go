package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var filterCases = map[string]func(*testing.T, bundle){
	"ListDeliveries/each filter":        deliveriesByFilter,
	"Lists/configured recipients":       configuredRecipients,
	"ListDeliveries/status":             deliveriesByStatus,
	"ListDeliveries/since and until":    deliveriesByTime,
	"ListDeliveries/unexpired":          deliveriesUnexpired,
	"ListDeliveries/pages":              deliveriesByPage,
	"ListNotifications/each filter":     notificationsByFilter,
	"ListNotifications/since and until": notificationsByTime,
	"ListNotifications/pages":           notificationsByPage,
}

// acceptTwo accepts two notifications of two deliveries each that differ in every field. The
// second delivery of the first notification is dead.
func acceptTwo(t *testing.T, b bundle) (one, other store.Acceptance) {
	t.Helper()
	one, other = Acceptance("app", "one", 2), Acceptance("other-app", "other", 2)
	other.Messages[0].TemplateName = "other-alert"
	other.Notification.Test = true
	for i := range other.Deliveries {
		d := &other.Deliveries[i]
		d.Channel, d.Provider, d.TemplateName = "sms", "aliyun", "other-alert"
		d.Recipient = store.Recipient{Type: "phone", Value: "+8613800000000"}
		d.Test = true
	}
	b.accept(t, one, other)
	dead := outcome(b.delivery(t, one.Deliveries[1].ID), 1, store.DeliveryDead)
	dead.Attempt.Code = "refused"
	require.Equal(t, []bool{true}, b.record(t.Context(), t, dead))
	return one, other
}

// newestFirst returns the ids of deliveries, newest first.
func newestFirst(deliveries ...store.Delivery) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, d := range deliveries {
		ids = append(ids, d.ID)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(b[:], a[:]) })
	return ids
}

func deliveriesByFilter(t *testing.T, b bundle) {
	one, other := acceptTwo(t, b)
	all := slices.Concat(one.Deliveries, other.Deliveries)
	for name, c := range map[string]struct {
		filter store.DeliveryFilter
		want   []store.Delivery
	}{
		"no filter":          {store.DeliveryFilter{}, all},
		"id":                 {store.DeliveryFilter{ID: one.Deliveries[0].ID}, one.Deliveries[:1]},
		"unknown id":         {store.DeliveryFilter{ID: newID()}, nil},
		"notification":       {store.DeliveryFilter{NotificationID: other.Notification.ID}, other.Deliveries},
		"app":                {store.DeliveryFilter{AppID: "app"}, one.Deliveries},
		"unknown app":        {store.DeliveryFilter{AppID: "ap"}, nil},
		"id of another app":  {store.DeliveryFilter{ID: one.Deliveries[0].ID, AppID: "other-app"}, nil},
		"channel":            {store.DeliveryFilter{Channel: "sms"}, other.Deliveries},
		"provider":           {store.DeliveryFilter{Provider: "smtp"}, one.Deliveries},
		"code":               {store.DeliveryFilter{Code: "refused"}, one.Deliveries[1:]},
		"another code":       {store.DeliveryFilter{Code: "timeout"}, nil},
		"code and status":    {store.DeliveryFilter{Code: "refused", Status: store.DeliveryDead}, one.Deliveries[1:]},
		"code, other status": {store.DeliveryFilter{Code: "refused", Status: store.DeliveryFailed}, nil},
		"recipient":          {store.DeliveryFilter{Recipient: "+8613800000000"}, other.Deliveries},
		"recipient prefix":   {store.DeliveryFilter{Recipient: "+861380000"}, nil},
		"recipient pattern":  {store.DeliveryFilter{Recipient: "%"}, nil},
		"template":           {store.DeliveryFilter{Template: "other-alert"}, other.Deliveries},
		"tests":              {store.DeliveryFilter{Test: new(true)}, other.Deliveries},
		"no tests":           {store.DeliveryFilter{Test: new(false)}, one.Deliveries},
		"all filters": {store.DeliveryFilter{
			AppID: "app", Status: store.DeliveryDead, Channel: "email", Provider: "smtp", Code: "refused",
			Recipient: "user1@example.com", Template: "alert", NotificationID: one.Notification.ID,
			Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour),
		}, one.Deliveries[1:]},
	} {
		got, err := b.ListDeliveries(t.Context(), c.filter, uuid.Nil, 10)
		require.NoError(t, err, name)
		require.Equal(t, newestFirst(c.want...), idsOf(got), name)
	}
	page, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{Code: "refused"}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Delivery{b.delivery(t, one.Deliveries[1].ID)}, page, "with all fields")
}

// A search that may not tell who is configured finds only the others.
func configuredRecipients(t *testing.T, b bundle) {
	given, configured := Acceptance("app", "given", 1), Acceptance("app", "configured", 1)
	configured.Deliveries[0].Recipient.Configured = true
	require.Equal(t, given.Deliveries[0].Recipient.Value, configured.Deliveries[0].Recipient.Value)
	b.accept(t, given, configured)
	address := given.Deliveries[0].Recipient.Value
	for _, c := range []struct {
		recipient     string
		notConfigured bool
		want          int
	}{{"", false, 2}, {address, false, 2}, {"", true, 1}, {address, true, 1}} {
		deliveries, err := b.ListDeliveries(t.Context(),
			store.DeliveryFilter{AppID: "app", Recipient: c.recipient, NotConfigured: c.notConfigured}, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, deliveries, c.want, "%+v", c)
		if c.recipient == "" && c.notConfigured {
			continue // a notification has recipients of both kinds
		}
		notifications, err := b.ListNotifications(t.Context(),
			store.NotificationFilter{Recipient: c.recipient, NotConfigured: c.notConfigured}, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, notifications, c.want, "%+v", c)
	}
}

func idsOf(deliveries []store.Delivery) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, d := range deliveries {
		ids = append(ids, d.ID)
	}
	return ids
}

func deliveriesByStatus(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 7)
	b.record(t.Context(), t,
		outcome(deliveries[1], 1, store.DeliveryFailed), outcome(deliveries[2], 1, store.DeliveryDead),
		outcome(deliveries[3], 1, store.DeliverySuccess), outcome(deliveries[6], 1, store.DeliveryFailed))
	_, err := b.CloseOrphans(t.Context(), []store.Closing{closing(deliveries[4], store.DeliveryCancelled)})
	require.NoError(t, err)
	for _, i := range []int{3, 5, 6} {
		b.setJobState(t, deliveries[i].JobID, store.JobRunning)
	}
	for status, want := range map[store.DeliveryStatus][]store.Delivery{
		store.DeliveryPending:    {deliveries[0]},
		store.DeliveryFailed:     {deliveries[1]},
		store.DeliveryDead:       {deliveries[2]},
		store.DeliverySuccess:    {deliveries[3]},
		store.DeliveryCancelled:  {deliveries[4]},
		store.DeliveryProcessing: {deliveries[5], deliveries[6]},
	} {
		got, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{Status: status}, uuid.Nil, 10)
		require.NoError(t, err, status)
		require.Equal(t, newestFirst(want...), idsOf(got), status)
		for _, d := range got {
			require.Equal(t, status, d.Status)
		}
	}
}

// idAt returns an id made at that time.
func idAt(at time.Time) uuid.UUID {
	id, first := newID(), store.FirstID(at)
	copy(id[:6], first[:6])
	return id
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.FixedZone("CST", 8*3600))

func deliveriesByTime(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 3)
	for i := range a.Deliveries {
		a.Deliveries[i].ID = idAt(noon.Add(time.Duration(i) * time.Second))
		a.Jobs[i].DeliveryID = a.Deliveries[i].ID
	}
	b.accept(t, a)
	for name, c := range map[string]struct {
		since, until time.Time
		want         []store.Delivery
	}{
		"since is included":  {noon.Add(time.Second), time.Time{}, a.Deliveries[1:]},
		"until is excluded":  {time.Time{}, noon.Add(time.Second), a.Deliveries[:1]},
		"between":            {noon.Add(time.Second), noon.Add(2 * time.Second), a.Deliveries[1:2]},
		"to the millisecond": {noon.Add(time.Millisecond), noon.Add(time.Second + time.Millisecond), a.Deliveries[1:2]},
		"since after until":  {noon.Add(time.Second), noon, nil},
		"before all":         {time.Time{}, noon, nil},
	} {
		got, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{Since: c.since, Until: c.until}, uuid.Nil, 10)
		require.NoError(t, err, name)
		require.Equal(t, newestFirst(c.want...), idsOf(got), name)
	}
}

func deliveriesUnexpired(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 2)
	a.Deliveries[0].ExpiresAt = &noon
	b.accept(t, a)
	for at, want := range map[time.Time][]store.Delivery{noon.Add(-time.Microsecond): a.Deliveries, noon: a.Deliveries[1:]} {
		got, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{Unexpired: at}, uuid.Nil, 10)
		require.NoError(t, err)
		require.Equal(t, newestFirst(want...), idsOf(got))
	}
}

func deliveriesByPage(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 7)
	b.accept(t, a, Acceptance("other-app", "key", 3))
	var got []uuid.UUID
	after := uuid.Nil
	for _, size := range []int{3, 3, 1, 0} {
		page, err := b.ListDeliveries(t.Context(), store.DeliveryFilter{AppID: "app"}, after, 3)
		require.NoError(t, err)
		require.Len(t, page, size)
		for _, d := range page {
			got = append(got, d.ID)
			after = d.ID
		}
	}
	require.Equal(t, newestFirst(a.Deliveries...), got)
}

func notificationsByFilter(t *testing.T, b bundle) {
	one, other := acceptTwo(t, b)
	mixed := Acceptance("app", "mixed", 2) // by two channels
	mixed.Deliveries[1].Channel, mixed.Deliveries[1].TemplateName = "voice", "call"
	mixed.Deliveries[1].Recipient = store.Recipient{Type: "phone", Value: "+8613900000000"}
	b.accept(t, mixed)
	deliveries, err := b.DeliveriesOf(t.Context(), one.Notification.ID, uuid.Nil, 2)
	require.NoError(t, err)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))

	for name, c := range map[string]struct {
		filter store.NotificationFilter
		want   []store.Acceptance
	}{
		"no filter":            {store.NotificationFilter{}, []store.Acceptance{mixed, other, one}},
		"app":                  {store.NotificationFilter{AppID: "app"}, []store.Acceptance{mixed, one}},
		"key":                  {store.NotificationFilter{IdempotencyKey: "other"}, []store.Acceptance{other}},
		"key of another app":   {store.NotificationFilter{IdempotencyKey: "other", AppID: "app"}, nil},
		"status":               {store.NotificationFilter{Status: store.NotificationFailed}, []store.Acceptance{one}},
		"pending":              {store.NotificationFilter{Status: store.NotificationPending}, []store.Acceptance{mixed, other}},
		"channel":              {store.NotificationFilter{Channel: "email"}, []store.Acceptance{mixed, one}},
		"recipient":            {store.NotificationFilter{Recipient: "+8613800000000"}, []store.Acceptance{other}},
		"template":             {store.NotificationFilter{Template: "call"}, []store.Acceptance{mixed}},
		"one delivery has all": {store.NotificationFilter{Channel: "voice", Template: "call", Recipient: "+8613900000000"}, []store.Acceptance{mixed}},
		"no delivery has both": {store.NotificationFilter{Channel: "email", Template: "call"}, nil},
		"unused channel":       {store.NotificationFilter{Channel: "inapp"}, nil},
	} {
		got, err := b.ListNotifications(t.Context(), c.filter, uuid.Nil, 10)
		require.NoError(t, err, name)
		require.Len(t, got, len(c.want), name)
		for i, a := range c.want {
			require.Equal(t, b.notification(t, a.Notification.ID), got[i], name)
		}
	}
}

func notificationsByTime(t *testing.T, b bundle) {
	var ids []uuid.UUID
	for i := range 3 {
		a := Acceptance("app", string(rune('a'+i)), 1)
		a.Notification.ID = idAt(noon.Add(time.Duration(i) * time.Second))
		a.Messages[0].NotificationID, a.Deliveries[0].NotificationID = a.Notification.ID, a.Notification.ID
		b.accept(t, a)
		ids = append(ids, a.Notification.ID)
	}
	got, err := b.ListNotifications(t.Context(),
		store.NotificationFilter{Since: noon.Add(time.Second), Until: noon.Add(2 * time.Second)}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, ids[1], got[0].ID)
}

func notificationsByPage(t *testing.T, b bundle) {
	var want, got []uuid.UUID
	for range 5 {
		n, _ := b.acceptOne(t, 1)
		want = append(want, n.ID)
	}
	slices.Reverse(want)
	after := uuid.Nil
	for _, size := range []int{2, 2, 1, 0} {
		page, err := b.ListNotifications(t.Context(), store.NotificationFilter{AppID: "app"}, after, 2)
		require.NoError(t, err)
		require.Len(t, page, size)
		for _, n := range page {
			got = append(got, n.ID)
			after = n.ID
		}
	}
	require.Equal(t, want, got)
}
