package steering

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// Acknowledgement is what somebody says who takes care of an incident.
type Acknowledgement struct {
	IncidentID uuid.UUID
	By         string // who; empty: as the actor says
	Note       string
	Over       store.Over
}

// Acknowledge acknowledges an incident: from when it returns no step begins any more, and what waits is
// cancelled by a job. It returns the incident as it is then, and whether this has changed it: the first
// acknowledgement stands, and a closed incident is over. It returns store.ErrNotFound when there is none.
func (c *Control) Acknowledge(ctx context.Context, a Acknowledgement, by store.Actor) (store.Incident, bool, error) {
	entry := by.Did(store.AuditIncidentAcknowledge, a.IncidentID.String())
	entry.Detail = "over " + string(a.Over)
	return c.changeIncident(ctx, store.IncidentChange{
		IncidentID: a.IncidentID, At: store.Now(), By: cmp.Or(a.By, by.Person, by.AppID), Over: a.Over, Note: a.Note, Audit: []store.AuditEntry{entry},
	})
}

func (c *Control) changeIncident(ctx context.Context, change store.IncidentChange) (store.Incident, bool, error) {
	i, changed, err := c.store.ChangeIncident(ctx, change)
	if changed {
		c.log.Info("incident changed", zap.Stringer("incident", i.ID), zap.String("status", string(i.Status())),
			zap.String("over", string(i.Over)), zap.String("closedBy", string(i.ClosedBy)))
	}
	return i, changed, err
}

// StopIncident cancels what waits of an incident that was acknowledged or closed.
func (c *Control) StopIncident(ctx context.Context, id uuid.UUID) error {
	incident, err := c.store.Incident(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	code, text := incident.Why()
	if code == "" {
		return nil
	}
	for _, notification := range incident.Stopped() {
		page := store.Cancellation{NotificationID: notification, Limit: cancelBatch, Code: code, Error: text, At: store.Now()}
		for {
			cancelled, err := c.store.Cancel(ctx, page)
			if err != nil {
				return fmt.Errorf("cancel notification %s: %w", notification, err)
			}
			if cancelled.Last == uuid.Nil {
				break
			}
			page.After = cancelled.Last
		}
	}
	return nil
}
