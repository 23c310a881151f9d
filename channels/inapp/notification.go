package inapp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/labring/sealos-notify/channels"
)

// Annotations of a notification. Labels would be lost: the desktop replaces all labels
// when it marks a notification as read.
const (
	deliveryAnnotation = "notify.sealos.io/delivery-id"
	// endAnnotation repeats spec.endTime, so that expire needs only the metadata.
	endAnnotation = "notify.sealos.io/end-time"
)

// readLabel is "true" when the user has read the notification. The desktop sets it.
const readLabel = "isRead"

// namePrefix begins the names of notifications. The delivery's id follows.
const namePrefix = "notify-"

// content is the spec of a notification, as templates write it.
type content struct {
	Title        string                 `json:"title"`
	Message      string                 `json:"message"`
	From         string                 `json:"from,omitempty"`
	Importance   string                 `json:"importance,omitempty"`
	DesktopPopup *bool                  `json:"desktopPopup,omitempty"`
	I18ns        map[string]translation `json:"i18ns,omitempty"` // by language
}

type translation struct {
	Title   string `json:"title"`
	Message string `json:"message"`
	From    string `json:"from,omitempty"`
}

// notification returns the object of a message. It is the same on every attempt.
func (c *Config) notification(m channels.Message, namespace string) (*unstructured.Unstructured, error) {
	content, err := c.content(m)
	if err != nil {
		return nil, err
	}
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&content)
	if err != nil {
		return nil, err
	}
	// The delivery's creation time, which its id holds, is the same on every attempt.
	spec["timestamp"], _ = m.DeliveryID.Time().UnixTime()

	id := m.DeliveryID.String()
	n := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	n.SetAPIVersion(notifications.GroupVersion().String())
	n.SetKind("Notification")
	n.SetNamespace(namespace)
	n.SetName(namePrefix + id)
	annotations := map[string]string{deliveryAnnotation: id}
	if !m.ExpiresAt.IsZero() {
		end := m.ExpiresAt.UTC().Format(time.RFC3339)
		spec["endTime"], annotations[endAnnotation] = end, end
	}
	n.SetAnnotations(annotations)
	return n, nil
}

// expired reports whether the object is a notification of this service that was created
// before the given time or has ended.
func expired(n *unstructured.Unstructured, before time.Time) bool {
	annotations := n.GetAnnotations()
	id := annotations[deliveryAnnotation]
	if id == "" || n.GetName() != namePrefix+id {
		return false
	}
	end, err := time.Parse(time.RFC3339, annotations[endAnnotation])
	return n.GetCreationTimestamp().Time.Before(before) || err == nil && end.Before(time.Now())
}

// parse returns the content of a text, without what the configuration has.
func parse(msgType string, text channels.Text) (t content, err error) {
	switch msgType {
	case msgText:
		t.Message = text.Body
	case msgJSON:
		decoder := json.NewDecoder(strings.NewReader(text.Body))
		decoder.DisallowUnknownFields() // a misspelt key would be ignored
		if err := decoder.Decode(&t); err != nil {
			return t, channels.PermanentError("invalid_body", "the body is no notification: "+channels.CleanText(err.Error()))
		}
	default:
		return t, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", msgType))
	}
	t.Title = cmp.Or(t.Title, text.Subject, channels.FirstLine(t.Message))
	return t, nil
}

// combine is a channels.Combine: i18ns has all texts. The desktop shows title and message to
// those who read no language of i18ns, and to those who read English, so they are the English
// text where there is one, and own otherwise.
func combine(msgType, own string, texts map[string]channels.Text) (string, string, error) {
	locales := slices.Sorted(maps.Keys(texts))
	contents := map[string]content{}
	for _, locale := range locales {
		t, err := parse(msgType, texts[locale])
		if err == nil && (t.Title == "" || t.Message == "") {
			err = errors.New("has no title or no message")
		}
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", locale, err)
		}
		contents[locale] = t
	}
	if i := slices.IndexFunc(locales, func(l string) bool { return languageOf(l) == "en" }); i >= 0 {
		own = locales[i]
	}
	shown := contents[own]
	for _, locale := range locales {
		t := contents[locale]
		// The desktop asks for zh, also where the text is named zh-CN.
		for _, name := range []string{locale, languageOf(locale)} {
			if _, has := shown.I18ns[name]; has || contents[name].Title != "" && name != locale {
				continue
			}
			if shown.I18ns == nil {
				shown.I18ns = map[string]translation{}
			}
			shown.I18ns[name] = translation{t.Title, t.Message, t.From}
		}
	}
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(shown); err != nil {
		return "", "", err
	}
	return msgJSON, strings.TrimSuffix(body.String(), "\n"), nil
}

// languageOf returns the language of a locale.
func languageOf(locale string) string {
	language, _, _ := strings.Cut(locale, "-")
	return language
}

// content returns the message's content, completed from the configuration.
func (c *Config) content(m channels.Message) (content, error) {
	t, err := parse(m.MsgType, channels.Text{Subject: m.Subject, Body: m.Body})
	if err != nil {
		return t, err
	}
	t.From = cmp.Or(t.From, c.From)
	t.Importance = cmp.Or(t.Importance, c.Importance)
	if t.DesktopPopup == nil {
		t.DesktopPopup = &c.DesktopPopup
	}
	if t.Title == "" {
		return t, channels.PermanentError("empty", "there is neither a title nor a message")
	}
	if !slices.Contains(importances, t.Importance) {
		return t, channels.PermanentError("invalid_body", fmt.Sprintf("importance is none of %q", importances))
	}
	for language, translated := range t.I18ns {
		if translated.Title == "" || translated.Message == "" {
			return t, channels.PermanentError("invalid_body", fmt.Sprintf("i18ns: %q has no title or no message", channels.CleanText(language)))
		}
		translated.From = cmp.Or(translated.From, t.From)
		t.I18ns[language] = translated
	}
	return t, nil
}
