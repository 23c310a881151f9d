package client

import (
	"context"
	"errors"
	"iter"
)

// errSamePage is the error of a list that would never end.
var errSamePage = errors.New("the service says that the next page is the one that it has answered with")

// all yields the items of a list, reading page after page. An error ends it: it comes with a zero item.
func all[T any, Cursor comparable](first Cursor, page func(after Cursor) (items []T, next Cursor, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last Cursor
		for after := first; ; {
			items, next, err := page(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			switch next {
			case last:
				return
			case after:
				var none T
				yield(none, errSamePage)
				return
			}
			after = next
		}
	}
}

// AllNotifications yields what Notifications lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllNotifications(ctx context.Context, q NotificationQuery) iter.Seq2[Notification, error] {
	return all(q.After, func(after string) ([]Notification, string, error) {
		q := q // the iterator may be used by several goroutines
		q.After = after
		l, err := c.Notifications(ctx, q)
		return l.Notifications, l.Next, err
	})
}

// AllDeliveries yields what Deliveries lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllDeliveries(ctx context.Context, q DeliveryQuery) iter.Seq2[Delivery, error] {
	return all(q.After, func(after string) ([]Delivery, string, error) {
		q := q
		q.After = after
		l, err := c.Deliveries(ctx, q)
		return l.Deliveries, l.Next, err
	})
}

// AllDeliveriesOf yields a notification's deliveries, oldest first.
func (c *Client) AllDeliveriesOf(ctx context.Context, notificationID string) iter.Seq2[Delivery, error] {
	return all("", func(after string) ([]Delivery, string, error) {
		l, err := c.DeliveriesOf(ctx, notificationID, pageSize, after)
		return l.Deliveries, l.Next, err
	})
}

// pageSize is the limit of pages whose size the caller cannot choose, the largest that there is.
const pageSize = 500

// AllIncidents yields what Incidents lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllIncidents(ctx context.Context, q IncidentQuery) iter.Seq2[Incident, error] {
	return all(q.After, func(after string) ([]Incident, string, error) {
		q := q
		q.After = after
		l, err := c.Incidents(ctx, q)
		return l.Incidents, l.Next, err
	})
}

// AllContacts yields what Contacts lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllContacts(ctx context.Context, q ContactQuery) iter.Seq2[Contact, error] {
	return all(q.After, func(after string) ([]Contact, string, error) {
		q := q
		q.After = after
		l, err := c.Contacts(ctx, q)
		return l.Contacts, l.Next, err
	})
}

// AllGroups yields what Groups lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllGroups(ctx context.Context, q GroupQuery) iter.Seq2[Group, error] {
	return all(q.After, func(after string) ([]Group, string, error) {
		q := q
		q.After = after
		l, err := c.Groups(ctx, q)
		return l.Groups, l.Next, err
	})
}

// AllTemplates yields what Templates lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllTemplates(ctx context.Context, q TemplateQuery) iter.Seq2[Template, error] {
	return all(q.After, func(after string) ([]Template, string, error) {
		q := q
		q.After = after
		l, err := c.Templates(ctx, q)
		return l.Templates, l.Next, err
	})
}

// AllTemplateVersions yields a template's versions, newest first.
func (c *Client) AllTemplateVersions(ctx context.Context, name string) iter.Seq2[VersionSummary, error] {
	return all(0, func(after int) ([]VersionSummary, int, error) {
		l, err := c.TemplateVersions(ctx, name, pageSize, after)
		return l.Versions, l.Next, err
	})
}

// AllKinds yields the kinds by name.
func (c *Client) AllKinds(ctx context.Context) iter.Seq2[Kind, error] {
	return all("", func(after string) ([]Kind, string, error) {
		l, err := c.Kinds(ctx, pageSize, after)
		return l.Kinds, l.Next, err
	})
}

// AllEndpoints yields what Endpoints lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllEndpoints(ctx context.Context, q EndpointQuery) iter.Seq2[Endpoint, error] {
	return all(q.After, func(after string) ([]Endpoint, string, error) {
		q := q
		q.After = after
		l, err := c.Endpoints(ctx, q)
		return l.Endpoints, l.Next, err
	})
}

// AllSuppressions yields what Suppressions lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllSuppressions(ctx context.Context, q SuppressionQuery) iter.Seq2[Suppression, error] {
	return all(q.After, func(after string) ([]Suppression, string, error) {
		q := q
		q.After = after
		l, err := c.Suppressions(ctx, q)
		return l.Suppressions, l.Next, err
	})
}

// AllAudit yields what Audit lists, over all pages. q.Limit is the size of a page.
func (c *Client) AllAudit(ctx context.Context, q AuditQuery) iter.Seq2[AuditEntry, error] {
	return all(q.After, func(after string) ([]AuditEntry, string, error) {
		q := q
		q.After = after
		l, err := c.Audit(ctx, q)
		return l.Entries, l.Next, err
	})
}
