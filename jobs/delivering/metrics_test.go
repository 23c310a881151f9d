package delivering

import (
	"testing"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// Counting an attempt must cost little compared with the attempt.
func BenchmarkCountAttempt(b *testing.B) {
	m := newMetrics(nil)
	d := store.Delivery{Channel: "test", CreatedAt: store.Now()}
	o := store.Outcome{Status: store.DeliverySuccess, Attempt: store.Attempt{Provider: "test", FinishedAt: store.Now()}}
	p := channels.Provider{Name: "test"}
	b.ReportAllocs()
	for b.Loop() {
		m.countCall(p, time.Millisecond, nil)
		m.countAttempt(d, o)
	}
}
