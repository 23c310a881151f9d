package channels

import "context"

// SimulatedProvider is the name of the providers of deliveries that were sent with a test
// secret. No provider of the configuration has it.
const SimulatedProvider = "simulated"

// Simulated returns a provider of the type that reaches nobody: every message arrives at
// once.
func Simulated(t Type) Provider {
	return Provider{Name: SimulatedProvider, Type: t, Sender: simulated{}, OnUncertain: t.OnUncertain}
}

type simulated struct{}

// Send implements Sender.
func (simulated) Send(context.Context, Message) (Receipt, error) {
	return Receipt{Details: map[string]any{"simulated": true}}, nil
}
