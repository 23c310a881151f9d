package config

import (
	"reflect"
	"regexp"
	"strings"
)

// strongSecret is the least number of characters of a secret that is not warned of.
const strongSecret = 16

// placeholder matches what stands in examples for a secret, ours among them.
var placeholder = regexp.MustCompile(`(?i)^(change|replace)[-_ ]?(me|this|it)|^your[-_ ]|^<.*>$|^todo$`)

func isPlaceholder(secret string) bool { return placeholder.MatchString(secret) }

// isFiller reports whether a text is one character again and again, such as xxxxxxxx.
func isFiller(text string) bool { return len(text) > 3 && strings.Trim(text, text[:1]) == "" }

// validateSecrets checks the secrets of a provider that a channel uses.
func (r *reader) validateSecrets(key string, v reflect.Value) {
	for _, f := range fieldsOf(v) {
		switch {
		case f.value.Kind() == reflect.Struct:
			r.validateSecrets(key+"."+f.key, f.value)
		case f.secret && f.value.Kind() == reflect.String:
			r.knownToAll(key+"."+f.key, f.value.String())
		case f.secret && f.value.Kind() == reflect.Map:
			for _, name := range f.value.MapKeys() {
				r.knownToAll(key+"."+f.key+"."+printable(name.String()), f.value.MapIndex(name).String())
			}
		}
	}
}

// knownToAll refuses a secret that was not replaced. A filler is only warned of: the
// example configuration has some, and a first try may start with them.
func (r *reader) knownToAll(key, secret string) {
	switch {
	case isPlaceholder(secret):
		r.problem(key, "is a placeholder: put the secret in its place")
	case isFiller(secret):
		r.warn(key, "is a placeholder, and will be refused by the other side")
	}
}
