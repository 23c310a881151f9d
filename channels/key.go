package channels

import "fmt"

// KeyError is what is wrong with the value of one key of a configuration.
type KeyError struct {
	Key string // of the type's own struct, for example "endpoint"
	Err error  // does not repeat the key
}

// KeyErrorf returns a *KeyError for the key.
func KeyErrorf(key, format string, args ...any) error {
	return &KeyError{Key: key, Err: fmt.Errorf(format, args...)}
}

// Error implements error.
func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *KeyError) Unwrap() error { return e.Err }
