package store

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Actor is who changes something, and from where.
type Actor struct {
	AppID   string // empty: the process itself, or an unknown caller
	Person  string // who signed in by OpenID Connect; empty: not a person, or not known
	Address string // network address, without a port; the name of the host for the process itself
	Agent   string // the beginning of the user agent
}

// Did returns the entry of an action that was done.
func (a Actor) Did(action AuditAction, objectID string) AuditEntry {
	return AuditEntry{Actor: a, Action: action, ObjectID: objectID, Outcome: AuditDone}
}

// AuditEntry is one change or manual action. It holds no recipient's address, no text of a
// message and no secret. It never changes.
type AuditEntry struct {
	ID uuid.UUID // UUIDv7; the store gives it
	At time.Time // the store gives it
	Actor
	Action   AuditAction
	ObjectID string // of the kind that the action has; empty: there is only one
	Outcome  AuditOutcome
	Detail   string // a few words, such as "version 3"
}

// OfVersion returns the entry with the version of a template that the action made.
func (e AuditEntry) OfVersion(version int) AuditEntry {
	made := fmt.Sprintf("version %d", version)
	if e.Detail != "" {
		made += ", " + e.Detail
	}
	e.Detail = made
	return e
}

// AuditAction is what was done. Its first part is the kind of the object.
type AuditAction string

// Actions. The names are stable.
const (
	AuditTemplateCreate      AuditAction = "template.create"
	AuditTemplateUpdate      AuditAction = "template.update"
	AuditTemplateDelete      AuditAction = "template.delete"
	AuditTemplateRestore     AuditAction = "template.restore"
	AuditTemplateOwner       AuditAction = "template.owner"
	AuditKindWrite           AuditAction = "kind.write"
	AuditKindDelete          AuditAction = "kind.delete"
	AuditContactCreate       AuditAction = "contact.create" // of an owner/name, as for all of contacts and groups
	AuditContactUpdate       AuditAction = "contact.update"
	AuditContactDelete       AuditAction = "contact.delete"
	AuditGroupCreate         AuditAction = "group.create"
	AuditGroupUpdate         AuditAction = "group.update"
	AuditGroupDelete         AuditAction = "group.delete"
	AuditDeliveryRetry       AuditAction = "delivery.retry" // one entry for each delivery, of a retry of many, too
	AuditNotificationCancel  AuditAction = "notification.cancel"
	AuditIncidentAcknowledge AuditAction = "incident.acknowledge"
	AuditNotificationErase   AuditAction = "notification.erase"
	AuditRecipientErase      AuditAction = "recipient.erase" // without an object, which would be the address
	AuditConfigReload        AuditAction = "config.reload"
	AuditBreakerOpen         AuditAction = "breaker.open" // of a provider; without an app: by itself
	AuditBreakerClose        AuditAction = "breaker.close"
	AuditProviderProbe       AuditAction = "provider.probe"
	AuditReceiverTest        AuditAction = "receiver.test"
	AuditSuppressionDelete   AuditAction = "suppression.delete"
	AuditPreferenceUpdate    AuditAction = "preference.update" // without an object, which would be the address
	AuditLinkKeyCreate       AuditAction = "linkkey.create"
	AuditEndpointCreate      AuditAction = "endpoint.create"
	AuditEndpointUpdate      AuditAction = "endpoint.update"
	AuditEndpointRotate      AuditAction = "endpoint.rotate"
	AuditEndpointReplay      AuditAction = "endpoint.replay"
	AuditEndpointDelete      AuditAction = "endpoint.delete"
)

// AuditOutcome is how an action ended.
type AuditOutcome string

// Outcomes.
const (
	AuditDone    AuditOutcome = "done"
	AuditRefused AuditOutcome = "refused" // nothing was changed
)

// AuditFilter chooses entries. A field of the zero value chooses all.
type AuditFilter struct {
	AppID    string
	Action   AuditAction
	ObjectID string
	// Since is included, Until is not; to a millisecond.
	Since, Until time.Time
}
