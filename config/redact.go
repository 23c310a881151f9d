package config

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

const redacted = "***"

// Redacted returns the configuration as YAML, each secret that is set as ***.
func (c Config) Redacted() string {
	var doc yaml.MapSlice
	for _, s := range c.sections() {
		doc = append(doc, yaml.MapItem{Key: s.key, Value: redactedValue(s.value)})
	}
	providers := map[string]any{}
	for name, p := range c.Providers {
		providers[name] = p.Config
	}
	doc = append(doc,
		yaml.MapItem{Key: "channels", Value: redactedValue(reflect.ValueOf(c.Channels))},
		yaml.MapItem{Key: "providers", Value: redactedValue(reflect.ValueOf(providers))},
		yaml.MapItem{Key: "integrations", Value: redactedValue(reflect.ValueOf(c.Integrations))},
		yaml.MapItem{Key: "console", Value: redactedValue(reflect.ValueOf(c.Console))})
	out, err := yaml.Marshal(doc)
	if err != nil {
		return fmt.Sprintf("the configuration cannot be shown: %T", err)
	}
	return string(out)
}

// Format implements fmt.Formatter: no verb shows a secret.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Redacted()) }

// MarshalJSON shows no secret.
func (c Config) MarshalJSON() ([]byte, error) { return yaml.YAMLToJSON([]byte(c.Redacted())) }

// redactedValue returns the value as the YAML library marshals it, without secrets.
func redactedValue(v reflect.Value) any {
	switch {
	case !v.IsValid():
		return nil
	case v.Type() == durationType:
		return short(time.Duration(v.Int()))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return redactedValue(v.Elem())
	case reflect.Struct:
		doc := yaml.MapSlice{}
		for _, f := range fieldsOf(v) {
			if k := f.value.Kind(); (k == reflect.Pointer || k == reflect.Slice) && f.value.IsNil() {
				continue // not given
			}
			value := redactedValue(f.value)
			if f.secret && !f.value.IsZero() {
				value = redacted
			}
			doc = append(doc, yaml.MapItem{Key: f.key, Value: value})
		}
		return doc
	case reflect.Map:
		doc := yaml.MapSlice{}
		values := map[string]reflect.Value{}
		for _, k := range v.MapKeys() {
			values[k.String()] = v.MapIndex(k)
		}
		for _, k := range slices.Sorted(maps.Keys(values)) {
			doc = append(doc, yaml.MapItem{Key: k, Value: redactedValue(values[k])})
		}
		return doc
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, redactedValue(v.Index(i)))
		}
		return list
	default:
		return v.Interface()
	}
}

// short returns the duration as people write it: 5m instead of 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
