package channels

import (
	"fmt"
	"slices"
	"strings"
)

// KeyError is what is wrong with the value of one key of a configuration.
type KeyError struct {
	Key string // of the type's own struct, for example "endpoint"
	Err error  // does not repeat the key
}

// KeyErrorf returns a *KeyError for the key.
func KeyErrorf(key, format string, args ...any) error {
	return &KeyError{Key: key, Err: fmt.Errorf(format, args...)}
}

// CheckOneOf returns a *KeyError unless the key has one of the values. An empty one may be left
// out. The error does not show the value, which may be a secret in the wrong place.
func CheckOneOf(key, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return KeyErrorf(key, "must be one of %s", strings.Join(slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" }), ", "))
}

// Error implements error.
func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *KeyError) Unwrap() error { return e.Err }
