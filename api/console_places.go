package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/store"
)

// mayAdmin returns the error of a caller who may not see what is for administrators.
func mayAdmin(ctx context.Context) error {
	if !callerOf(ctx).may(RoleAdmin) {
		return errForbidden(RoleAdmin)
	}
	return nil
}

func (c consoleAPI) Receivers(ctx context.Context) ([]console.Receiver, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	list, err := c.s.listReceivers(ctx, nil)
	if err != nil {
		return nil, err
	}
	all := make([]console.Receiver, len(list.Body.Receivers))
	for i, r := range list.Body.Receivers {
		all[i] = console.Receiver{Name: r.Name, Apps: r.Apps, RemindAfter: time.Duration(r.RemindAfterSeconds) * time.Second}
		for _, channel := range r.Channels {
			all[i].Channels = append(all[i].Channels, console.ReceiverChannel(channel))
		}
		for _, to := range r.Recipients {
			all[i].Recipients = append(all[i].Recipients, store.Recipient{Type: to.Type, Value: to.Value})
		}
		for _, problem := range r.Problems {
			all[i].Problems = append(all[i].Problems, console.ReceiverProblem(problem))
		}
	}
	return all, nil
}

func (c consoleAPI) ReceiverAlerts(ctx context.Context, name string) ([]console.Told, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	return c.s.lastTold(ctx, name)
}

func (c consoleAPI) TestReceiver(ctx context.Context, name string) (string, error) {
	if err := maySend(ctx); err != nil {
		return "", err
	}
	out, err := c.s.testReceiver(ctx, &receiverTestInput{jsonBody[receiverTestRequest]{receiverTestRequest{name}}})
	if err != nil {
		return "", err
	}
	return out.Body.NotificationID.String(), nil
}

func (c consoleAPI) ProviderDetails(ctx context.Context) ([]overview.Provider, error) {
	if err := mayAdmin(ctx); err != nil {
		return nil, err
	}
	return c.s.overview.Details(ctx)
}

func (c consoleAPI) ProbeProvider(ctx context.Context, name string) (overview.Probed, error) {
	if err := mayAdmin(ctx); err != nil {
		return overview.Probed{}, err
	}
	return c.s.probe(ctx, name)
}

func (c consoleAPI) Apps(ctx context.Context) ([]console.App, error) {
	if err := mayAdmin(ctx); err != nil {
		return nil, err
	}
	list, err := c.s.listApps(ctx, nil)
	if err != nil {
		return nil, err
	}
	apps := make([]console.App, len(list.Body.Apps))
	for i, a := range list.Body.Apps {
		apps[i] = console.App{
			ID: a.AppID, Name: a.Name, Enabled: a.Enabled, Roles: roleNames(a.Roles), HighPriority: a.HighPriority, TestSecrets: a.TestSecrets,
		}
		for _, l := range a.Limits {
			apps[i].Limits = append(apps[i].Limits, console.AppLimit(l))
		}
	}
	return apps, nil
}

func (c consoleAPI) RecipientTypes() []string { return c.s.recipientTypes }

func (c consoleAPI) Preferences(ctx context.Context, r store.Recipient) ([]store.Preference, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	person, err := c.s.person(ctx, r)
	if err != nil {
		return nil, err
	}
	return c.s.optOut.Preferences(ctx, person)
}

func (c consoleAPI) SetPreferences(ctx context.Context, r store.Recipient, off []store.Preference) error {
	if err := maySend(ctx); err != nil {
		return err
	}
	person, err := c.s.person(ctx, r)
	if err != nil {
		return err
	}
	_, err = c.s.optOut.Set(ctx, person, off, actorOf(ctx))
	return err
}

func (c consoleAPI) Suppressions(ctx context.Context, f store.SuppressionFilter, after uuid.UUID, limit int) ([]store.Suppression, error) {
	if err := mayAdmin(ctx); err != nil {
		return nil, err
	}
	return c.s.suppressions(ctx, f, after, limit)
}

func (c consoleAPI) DeleteSuppression(ctx context.Context, id string) error {
	if err := mayAdmin(ctx); err != nil {
		return err
	}
	which, err := uuid.Parse(id)
	if err != nil {
		return errNotFound
	}
	_, err = c.s.deleteSuppression(ctx, &deleteSuppressionInput{ID: which})
	return err
}

func (c consoleAPI) Audit(ctx context.Context, f store.AuditFilter, after uuid.UUID, limit int) ([]store.AuditEntry, error) {
	if err := mayAdmin(ctx); err != nil {
		return nil, err
	}
	return c.s.auditEntries(ctx, f, after, limit)
}
