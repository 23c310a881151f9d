package inapp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/labring/sealos-notify/channels"
)

// sender sends to the users of one cluster.
type sender struct {
	config  Config
	cluster *cluster
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
	_ channels.Checker          = (*sender)(nil)
	_ channels.Expirer          = (*sender)(nil)
	_ channels.Updater          = (*sender)(nil)
)

// CheckRecipient implements channels.RecipientChecker.
func (s *sender) CheckRecipient(r channels.Recipient) error {
	_, err := s.config.namespace(r.Value)
	return err
}

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	_, err := s.compose(m)
	return err
}

// compose returns the Notification of a message.
func (s *sender) compose(m channels.Message) (*unstructured.Unstructured, error) {
	if m.Recipient.Type != channels.RecipientUserID {
		return nil, channels.PermanentError("recipient_type", fmt.Sprintf("no user of the cluster: %q", m.Recipient.Type))
	}
	namespace, err := s.config.namespace(m.Recipient.Value)
	if err != nil {
		return nil, channels.PermanentError("recipient", "the user_id "+err.Error())
	}
	return s.config.notification(m, namespace)
}

// Send implements channels.Sender. The receipt's details are the namespace and
// the name of the Notification.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	n, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	return s.receipt(m, n, s.cluster.create(ctx, n, metav1.CreateOptions{}))
}

// Update implements channels.Updater. The object keeps its name, and everything else is replaced. It
// is marked as unread, or as read when the message is Resolved, as Sealos does with its own.
func (s *sender) Update(ctx context.Context, reference string, m channels.Message) (channels.Receipt, error) {
	n, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	n.SetName(reference)
	n.Object["spec"].(map[string]any)["timestamp"] = time.Now().Unix() // the desktop lists by it
	return s.receipt(m, n, s.cluster.replace(ctx, n, m.Resolved))
}

// receipt returns the result of a call about a message.
func (s *sender) receipt(m channels.Message, n *unstructured.Unstructured, err error) (channels.Receipt, error) {
	if err != nil {
		e := channels.AsError(err)
		e.Message = channels.CleanText(channels.Redact(e.Message, m.Recipient.Value))
		return channels.Receipt{}, e
	}
	return channels.Receipt{Details: map[string]any{"namespace": n.GetNamespace(), "name": n.GetName()}, Reference: n.GetName()}, nil
}

// Expire implements channels.Expirer. A cluster without the resource has nothing to
// delete.
func (s *sender) Expire(ctx context.Context, before time.Time) (int, error) {
	namespace := s.config.Namespace
	if strings.Contains(namespace, userPlace) {
		namespace = metav1.NamespaceAll
	}
	deleted, err := s.cluster.expire(ctx, namespace, before)
	if e := (*channels.Error)(nil); errors.As(err, &e) && e.Code == codeNotServed {
		return deleted, nil
	}
	return deleted, err
}

// Probe implements channels.Prober by a dry run of a message. The dry run checks the
// credentials, the permission, the resource and its schema, and creates nothing.
func (s *sender) Probe(ctx context.Context) error {
	namespace, err := s.config.namespace(probeUser)
	if err != nil {
		return channels.PermanentError("namespace", err.Error())
	}
	m := channels.Message{DeliveryID: uuid.Must(uuid.NewV7()), MsgType: msgText, Body: "probe"}
	n, err := s.config.notification(m, namespace)
	if err != nil {
		return err
	}
	err = s.cluster.create(ctx, n, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	var e *channels.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == codeNoNamespace && strings.Contains(s.config.Namespace, userPlace):
		return nil // no user has that name, and the server checks it last
	case e.Class == channels.Permanent:
		e.Class = channels.Misconfigured // every message would be refused
	case e.Class == channels.Uncertain:
		e.Class = channels.Transient // a probe sends nothing
	}
	return e
}
