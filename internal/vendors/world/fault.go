package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/internal/vendors"
)

// CheckFault checks a fault that is written as CHANNEL=NAME. Its error lists the channels,
// or the names.
func CheckFault(fault string) error {
	_, _, err := parseFault(fault)
	return err
}

func parseFault(text string) (channel string, fault vendors.Fault, err error) {
	channel, name, _ := strings.Cut(text, "=")
	all := map[string]map[string]vendors.Fault{} // by channel and by name
	for _, c := range table {
		all[c.name] = c.faults
	}
	named, known := all[channel]
	if !known {
		return "", fault, fmt.Errorf("%q is not CHANNEL=NAME with a channel of %s", text, list(all))
	}
	if fault, known = named[name]; !known {
		return "", fault, fmt.Errorf("%q: no such fault; %s has %s", text, channel, list(named))
	}
	return channel, fault, nil
}

// Fail makes a channel's vendor have a fault, written as CHANNEL=NAME.
func (w *World) Fail(fault string) (*vendors.Injection, error) {
	channel, f, err := parseFault(fault)
	if err != nil {
		return nil, err
	}
	return w.vendors[channel].Fail(f), nil
}

func list[T any](m map[string]T) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }
