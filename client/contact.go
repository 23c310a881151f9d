package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Paths of contacts and of groups.
const (
	contactsPath = "/api/v1/contacts"
	groupsPath   = "/api/v1/groups"
)

// Whose chooses whose contacts and groups a call is about. The zero value is the app's own; where
// one is read or a list, also the shared ones, and for an administrator a list has those of all apps.
type Whose struct {
	Owner  string // id of an app; only administrators may name another than their own
	Shared bool   // those that all apps share; only administrators change them
}

func (w Whose) query() query {
	values := query{}
	values.text("owner", w.Owner)
	if w.Shared {
		values.text("shared", "true")
	}
	return values
}

// ContactContent is what a contact has beside its name.
type ContactContent struct {
	Addresses []Recipient       `json:"addresses,omitempty"` // each channel takes the first one that fits it; at most 16
	Locale    string            `json:"locale,omitempty"`    // BCP 47, such as zh-CN
	TimeZone  string            `json:"timeZone,omitempty"`  // IANA, such as Asia/Shanghai
	Labels    map[string]string `json:"labels,omitempty"`    // at most 16
}

// ContactRequest is a contact to write.
type ContactRequest struct {
	Name string `json:"name"`
	ContactContent
}

// Contact is a stored contact.
type Contact struct {
	Owner     string            `json:"owner"` // id of an app; empty: shared by all
	Name      string            `json:"name"`
	Addresses []Recipient       `json:"addresses"`
	Locale    string            `json:"locale"`
	TimeZone  string            `json:"timeZone"`
	Labels    map[string]string `json:"labels"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

// ContactQuery selects a page of contacts.
type ContactQuery struct {
	Whose
	Name    string // whose name begins so
	Address string // who have exactly this address
	Label   string // who have this label, as label=value
	Limit   int    // 1 to 500; 50 when 0
	After   string // ContactList.Next of the page before
}

// ContactList is a page of contacts, by owner and name.
type ContactList struct {
	Contacts []Contact `json:"contacts"`
	Next     string    `json:"next,omitempty"` // empty on the last page
}

// Contacts lists contacts.
func (c *Client) Contacts(ctx context.Context, q ContactQuery) (ContactList, error) {
	values := q.query()
	values.text("name", q.Name)
	values.text("address", q.Address)
	values.text("label", q.Label)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l ContactList
	_, err := c.do(ctx, call{method: http.MethodGet, path: contactsPath, query: url.Values(values), repeatable: true}, &l)
	return l, err
}

// Contact reads a contact.
func (c *Client) Contact(ctx context.Context, name string, of Whose) (Contact, error) {
	var contact Contact
	_, err := c.do(ctx, call{method: http.MethodGet, path: namePath(contactsPath, name), query: url.Values(of.query()), repeatable: true}, &contact)
	return contact, err
}

// PutContact creates a contact, or replaces all of it.
func (c *Client) PutContact(ctx context.Context, r ContactRequest, of Whose) (Contact, error) {
	var contact Contact
	_, err := c.do(ctx, call{
		method: http.MethodPut, path: namePath(contactsPath, r.Name), query: url.Values(of.query()), body: r.ContactContent, repeatable: true,
	}, &contact)
	return contact, err
}

// ContactsRequest is contacts to write, at most 2,000.
type ContactsRequest struct {
	Contacts []ContactRequest `json:"contacts"`
	DryRun   bool             `json:"dryRun,omitempty"` // only say what would be done
}

// ContactsWritten is what a ContactsRequest did, or would do.
type ContactsWritten struct {
	Created   []string `json:"created"` // names
	Changed   []string `json:"changed"`
	Unchanged int      `json:"unchanged"`
	DryRun    bool     `json:"dryRun"`
}

// PutContacts creates and replaces contacts, all or none of them.
func (c *Client) PutContacts(ctx context.Context, r ContactsRequest, of Whose) (ContactsWritten, error) {
	var w ContactsWritten
	_, err := c.do(ctx, call{method: http.MethodPut, path: contactsPath, query: url.Values(of.query()), body: r, repeatable: true}, &w)
	return w, err
}

// DeleteContact deletes a contact. What was accepted stays.
func (c *Client) DeleteContact(ctx context.Context, name string, of Whose) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: namePath(contactsPath, name), query: url.Values(of.query())}, nil)
	return err
}

// GroupRequest is what a group becomes.
type GroupRequest struct {
	Contacts []string          `json:"contacts,omitempty"` // names; at most 10,000
	Labels   map[string]string `json:"labels,omitempty"`   // that all its other contacts have
	DryRun   bool              `json:"dryRun,omitempty"`   // only say what would be done
}

// Group is a stored group: the contacts that it lists, and those of its owner that have all its
// labels.
type Group struct {
	Owner     string            `json:"owner"` // id of an app; empty: shared by all
	Name      string            `json:"name"`
	Contacts  []string          `json:"contacts"`
	Labels    map[string]string `json:"labels"` // empty: it has only those that it lists
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

// GroupQuery selects a page of groups.
type GroupQuery struct {
	Whose
	Name  string // whose name begins so
	Limit int    // 1 to 500; 50 when 0
	After string // GroupList.Next of the page before
}

// GroupList is a page of groups, by owner and name.
type GroupList struct {
	Groups []Group `json:"groups"`
	Next   string  `json:"next,omitempty"` // empty on the last page
}

// GroupWritten is what writing a group did, or would do.
type GroupWritten struct {
	Name   string `json:"name"`
	Change string `json:"change"` // created, changed or unchanged
	DryRun bool   `json:"dryRun"`
}

// Groups lists groups.
func (c *Client) Groups(ctx context.Context, q GroupQuery) (GroupList, error) {
	values := q.query()
	values.text("name", q.Name)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l GroupList
	_, err := c.do(ctx, call{method: http.MethodGet, path: groupsPath, query: url.Values(values), repeatable: true}, &l)
	return l, err
}

// Group reads a group.
func (c *Client) Group(ctx context.Context, name string, of Whose) (Group, error) {
	var g Group
	_, err := c.do(ctx, call{method: http.MethodGet, path: namePath(groupsPath, name), query: url.Values(of.query()), repeatable: true}, &g)
	return g, err
}

// PutGroup creates a group, or replaces all of it.
func (c *Client) PutGroup(ctx context.Context, name string, r GroupRequest, of Whose) (GroupWritten, error) {
	var w GroupWritten
	_, err := c.do(ctx, call{method: http.MethodPut, path: namePath(groupsPath, name), query: url.Values(of.query()), body: r, repeatable: true}, &w)
	return w, err
}

// DeleteGroup deletes a group. Its contacts stay.
func (c *Client) DeleteGroup(ctx context.Context, name string, of Whose) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: namePath(groupsPath, name), query: url.Values(of.query())}, nil)
	return err
}

func namePath(path, name string) string { return path + "/" + url.PathEscape(name) }
