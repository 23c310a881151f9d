package receipts

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// Results of questions.
const (
	resultKnown   = "known"   // what became of it
	resultOpen    = "open"    // the vendor has it, and does not know yet
	resultMissing = "missing" // the vendor does not have it
	resultError   = "error"   // there was no answer
)

type metrics struct {
	receipts  *prometheus.CounterVec // by channel, provider, receipt
	questions *prometheus.CounterVec // by provider, result
	settled   *prometheus.CounterVec // by channel, how
}

func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	return &metrics{
		receipts: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_receipts_total",
			Help: "Deliveries whose vendor told what became of them, or was asked in vain (unknown).",
		}, []string{"channel", "provider", "receipt"}),
		questions: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_receipt_questions_total",
			Help: "Questions to vendors what became of a delivery, by their result (known, open, missing, error).",
		}, []string{"provider", "result"}),
		settled: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_held_settled_total",
			Help: "Held deliveries that were settled by asking their vendor: found there, sent_again, or expired.",
		}, []string{"channel", "how"}),
	}
}

// Expect shows zeros for everything that the providers may come to count.
func (r *Receipts) Expect(registry *channels.Registry) {
	for _, name := range registry.Providers("") {
		p, _ := registry.Named(name)
		if !asks(p) {
			continue
		}
		for _, receipt := range []store.Receipt{store.ReceiptUnknown, store.ReceiptFailed, store.ReceiptDelivered, store.ReceiptAnswered} {
			r.metrics.receipts.WithLabelValues(p.Type.Channel, name, string(receipt))
		}
		for _, result := range []string{resultKnown, resultOpen, resultMissing, resultError} {
			r.metrics.questions.WithLabelValues(name, result)
		}
		for _, how := range []string{settledFound, settledSentAgain, settledExpired} {
			r.metrics.settled.WithLabelValues(p.Type.Channel, how)
		}
	}
}

func (m *metrics) countQuestion(provider string, a channels.Answer) {
	result := resultMissing
	switch {
	case a.Found && a.Fate != "":
		result = resultKnown
	case a.Found:
		result = resultOpen
	}
	m.questions.WithLabelValues(provider, result).Inc()
}
