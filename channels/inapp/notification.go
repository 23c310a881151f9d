package inapp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
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

// namePrefix begins the names of notifications. The delivery's id follows.
const namePrefix = "notify-"

// content is the spec of a notification, as templates write it.
type content struct {
	Title        string                 `json:"title"`
	Message      string                 `json:"message"`
	From         string                 `json:"from,omitempty"`
	Importance   string                 `json:"importance"`
	DesktopPopup *bool                  `json:"desktopPopup"`
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

// content returns the message's content, completed from the configuration.
func (c *Config) content(m channels.Message) (content, error) {
	var t content
	switch m.MsgType {
	case msgText:
		t.Message = m.Body
	case msgJSON:
		decoder := json.NewDecoder(bytes.NewReader([]byte(m.Body)))
		decoder.DisallowUnknownFields() // a misspelt key would be ignored
		if err := decoder.Decode(&t); err != nil {
			return t, channels.PermanentError("invalid_body", "the body is no notification: "+channels.CleanText(err.Error()))
		}
	default:
		return t, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
	t.Title = cmp.Or(t.Title, m.Subject, channels.FirstLine(t.Message))
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
