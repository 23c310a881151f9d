package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/labring/sealos-notify/channels"
)

// settingsOf returns what Redacted shows of a provider, one value for each key, such as
// rateLimit.perSecond. Keys without a value are left out.
func settingsOf(c channels.Config) []channels.Setting {
	return flattened(nil, "", redactedValue(reflect.ValueOf(c)))
}

// flattened appends the settings of a redacted value.
func flattened(to []channels.Setting, key string, value any) []channels.Setting {
	switch v := value.(type) {
	case yaml.MapSlice:
		for _, item := range v {
			below := fmt.Sprint(item.Key)
			if key != "" {
				below = key + "." + below
			}
			to = flattened(to, below, item.Value)
		}
		return to
	case []any:
		texts := make([]string, len(v))
		for i, element := range v {
			texts[i] = fmt.Sprint(element)
		}
		value = strings.Join(texts, ", ")
	}
	if text := withoutUser(fmt.Sprint(value)); text != "" {
		to = append(to, channels.Setting{Key: key, Value: text})
	}
	return to
}

// withoutUser returns a text without what may be secret in a URL: its user and its query.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User == nil && u.RawQuery == "" {
		return text
	}
	if u.User != nil {
		u.User = url.User(redacted)
	}
	if u.RawQuery != "" {
		u.RawQuery = redacted
	}
	return u.String()
}
