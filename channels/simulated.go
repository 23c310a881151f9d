package channels

import "context"

// SimulatedProvider is the name of the providers of deliveries that were sent with a test
// secret. No provider of the configuration has it.
const SimulatedProvider = "simulated"

// Checker is a Sender that can tell what is wrong with a message before any call.
type Checker interface {
	// Check returns the error that Send returns without a call; otherwise nil.
	Check(m Message) error
}

// Simulated returns a provider in the place of another. It refuses what that one refuses
// before a call; every other message arrives at once, and reaches nobody. It makes no call and
// has no rate limit.
func Simulated(p Provider) Provider {
	checker, _ := p.Sender.(Checker)
	return Provider{Name: SimulatedProvider, Type: p.Type, MsgType: p.MsgType, OnUncertain: p.OnUncertain, Sender: simulated{checker}}
}

type simulated struct{ checker Checker }

// Send implements Sender.
func (s simulated) Send(_ context.Context, m Message) (Receipt, error) {
	if s.checker != nil {
		if err := s.checker.Check(m); err != nil {
			return Receipt{}, err
		}
	}
	return Receipt{Details: map[string]any{"simulated": true}}, nil
}
