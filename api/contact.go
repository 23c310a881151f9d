package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const (
	contactsDescription = "An app sees its own and the shared ones, an administrator all. "
	putDescription      = "All fields are replaced: a field that is left out becomes empty. An app writes its own, an administrator also shared ones " +
		"(`shared`) and those of another app (`owner`). One that would stay as it is is not written. "
	ownOrShared = "Without `owner` and `shared` it is what the name means to the caller as a recipient: its own, or else the shared one. "
)

// Bounds of labels: how many, and how long the value of one is.
const maxLabels, maxLabel = 16, 128

// ContactContent is the part that all requests to write a contact share. It is exported because
// huma skips embedded types that are not.
type ContactContent struct {
	Addresses []recipientView   `json:"addresses,omitempty" maxItems:"16" nullable:"false" doc:"each channel takes the first one that fits it"`
	Locale    string            `json:"locale,omitempty" maxLength:"35" doc:"language of the person (BCP 47)" example:"zh-CN"`
	TimeZone  string            `json:"timeZone,omitempty" maxLength:"64" doc:"where the person is (IANA)" example:"Asia/Shanghai"`
	Labels    map[string]string `json:"labels,omitempty" doc:"at most 16, for groups" example:"{\"region\": \"cn\"}"`
}

// namedContact is a contact in a body that has several.
type namedContact struct {
	Name string `json:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" doc:"letters, digits, dots, dashes and underscores; begins with a letter or a digit" example:"alice"`
	ContactContent
}

// contactsRequest is the body of a request to write contacts.
type contactsRequest struct {
	Contacts []namedContact `json:"contacts" minItems:"1" maxItems:"2000" nullable:"false"`
	DryRun   bool           `json:"dryRun,omitempty" doc:"check, and say what would be done; nothing is written"`
}

type contactsWrittenView struct {
	Created   []string `json:"created" doc:"names"`
	Changed   []string `json:"changed"`
	Unchanged int      `json:"unchanged"`
	DryRun    bool     `json:"dryRun"`
}

type contactView struct {
	Owner     string            `json:"owner" doc:"app id; empty: shared by all apps"`
	Name      string            `json:"name"`
	Addresses []recipientView   `json:"addresses"`
	Locale    string            `json:"locale" doc:"empty: not known"`
	TimeZone  string            `json:"timeZone" doc:"empty: not known"`
	Labels    map[string]string `json:"labels"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

func viewContact(c store.Contact) contactView {
	v := contactView{
		Owner: c.Owner, Name: c.Name, Addresses: make([]recipientView, len(c.Addresses)), Locale: c.Locale, TimeZone: c.TimeZone,
		Labels: viewLabels(c.Labels), CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	for i, a := range c.Addresses {
		v.Addresses[i] = recipientView{a.Type, a.Value}
	}
	return v
}

func viewLabels(l store.Labels) map[string]string {
	if l == nil {
		return map[string]string{}
	}
	return l
}

// contact returns the contact that has this content, or a *Problem or *refusal.Error that names
// the field behind prefix.
func (s *Server) contact(key store.ContactKey, content ContactContent, prefix string) (store.Contact, error) {
	now := store.Now()
	c := store.Contact{ContactKey: key, TimeZone: content.TimeZone, Labels: content.Labels, CreatedAt: now, UpdatedAt: now}
	for i, a := range content.Addresses {
		address := store.Recipient{Type: a.Type, Value: a.Value}
		if err := s.accepter.CheckAddress(address); err != nil {
			return c, refusal.New(refusal.InvalidRecipient, fmt.Sprintf("%saddresses[%d].value", prefix, i), "%s", err)
		}
		if slices.Contains(c.Addresses, address) {
			return c, refusal.New(refusal.InvalidRecipient, fmt.Sprintf("%saddresses[%d].value", prefix, i), "is there twice")
		}
		c.Addresses = append(c.Addresses, address)
	}
	if content.Locale != "" {
		tag, err := language.Parse(content.Locale)
		if err != nil {
			return c, fieldProblem(http.StatusBadRequest, codeInvalidRequest, prefix+"locale", "is not a language such as zh-CN (BCP 47)")
		}
		c.Locale = tag.String()
	}
	if content.TimeZone != "" {
		if _, err := store.LoadZone(content.TimeZone); err != nil {
			return c, fieldProblem(http.StatusBadRequest, codeInvalidRequest, prefix+"timeZone", err.Error())
		}
	}
	return c, checkLabels(content.Labels, prefix+"labels")
}

// checkLabels returns a *Problem for labels that cannot be stored.
func checkLabels(labels map[string]string, field string) error {
	wrong := func(field, why string) error {
		return fieldProblem(http.StatusBadRequest, codeInvalidRequest, field, why)
	}
	if len(labels) > maxLabels {
		return wrong(field, fmt.Sprintf("has %d; at most %d", len(labels), maxLabels))
	}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		value := labels[label]
		switch {
		case !accepting.IsContactName(label):
			return wrong(field, "has a key that is no name: letters, digits, '.', '_' and '-', at most 128")
		case value == "" || utf8.RuneCountInString(value) > maxLabel || strings.ContainsFunc(value, unicode.IsControl):
			return wrong(field+"."+label, fmt.Sprintf("must have 1 to %d characters, and no control characters", maxLabel))
		}
	}
	return nil
}

// Whose is whose contacts and groups a request is about. It is exported as ContactContent is.
type Whose struct {
	Owner  string `query:"owner" maxLength:"128" doc:"those of this app; only administrators may name another than their own"`
	Shared bool   `query:"shared" doc:"those that all apps share"`
}

// conflict returns a *Problem when the request says two things.
func (w Whose) conflict() error {
	if w.Owner != "" && w.Shared {
		return fieldProblem(http.StatusBadRequest, codeInvalidRequest, "query.shared", "either owner or shared")
	}
	return nil
}

// read returns whose may be read: nil for those of all apps.
func (w Whose) read(ctx context.Context) ([]string, error) {
	caller := callerOf(ctx)
	switch {
	case w.conflict() != nil:
		return nil, w.conflict()
	case w.Shared:
		return []string{""}, nil
	case w.Owner != "" && !caller.owns(w.Owner):
		return nil, errForbidden(RoleAdmin)
	case w.Owner != "":
		return []string{w.Owner}, nil
	case caller.may(RoleAdmin):
		return nil, nil
	}
	return []string{"", caller.app()}, nil
}

// written returns whose is written. A refusal is noted as the action.
func (s *Server) written(ctx context.Context, w Whose, action store.AuditAction, name string) (string, error) {
	caller := callerOf(ctx)
	owner := w.Owner
	if !w.Shared && owner == "" {
		owner = caller.app()
	}
	switch {
	case w.conflict() != nil:
		return "", w.conflict()
	case owner == caller.app():
		return owner, nil
	case !caller.may(RoleAdmin):
		s.auditRefusal(ctx, action, store.ContactKey{Owner: owner, Name: name}.String())
		return "", errForbidden(RoleAdmin)
	case owner != "" && !s.auth.current.Load().Knows(owner):
		return "", fieldProblem(http.StatusUnprocessableEntity, codeUnknownApp, "query.owner", "there is no app with this id")
	}
	return owner, nil
}

type listContactsInput struct {
	Whose
	Name    string `query:"name" maxLength:"128" doc:"whose name begins so"`
	Address string `query:"address" maxLength:"320" doc:"who have exactly this address"`
	Label   string `query:"label" maxLength:"257" doc:"who have this label, as label=value" example:"region=cn"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many contacts"`
	After   string `query:"after" maxLength:"257" doc:"continue after this contact: next of the previous page"`
}

type contactListView struct {
	Contacts []contactView `json:"contacts"`
	Next     string        `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listContacts(ctx context.Context, in *listContactsInput) (*listOutput, error) {
	owners, err := in.read(ctx)
	if err != nil {
		return nil, err
	}
	label, value, isPair := strings.Cut(in.Label, "=")
	if in.Label != "" && !isPair {
		return nil, fieldProblem(http.StatusBadRequest, codeInvalidRequest, "query.label", "must be label=value")
	}
	after, err := parseKey(in.After)
	if err != nil {
		return nil, err
	}
	filter := store.ContactFilter{Owners: owners, Prefix: in.Name, Address: in.Address, Label: label, LabelValue: value}
	return answerList(ctx, s, list[store.Contact]{
		head: contactListView{Contacts: []contactView{}}, page: in.Limit, limit: in.Limit,
		read: func(ctx context.Context, _ *store.Contact, limit int) ([]store.Contact, error) {
			return s.store.ListContacts(ctx, filter, after, limit)
		},
		view: func(_ context.Context, c store.Contact) any { return viewContact(c) },
		next: func(c store.Contact) any { return c.String() },
	})
}

// parseKey returns where a page begins.
func parseKey(after string) (key store.ContactKey, err error) {
	slash := strings.LastIndexByte(after, '/')
	if after != "" && slash < 0 {
		return key, fieldProblem(http.StatusBadRequest, codeInvalidRequest, "query.after", "must be next of the previous page")
	}
	if after != "" {
		key = store.ContactKey{Owner: after[:slash], Name: after[slash+1:]}
	}
	return key, nil
}

type getContactInput struct {
	Whose
	Name string `path:"name" doc:"name of the contact"`
}

type contactOutput struct{ Body contactView }

func (s *Server) getContact(ctx context.Context, in *getContactInput) (*contactOutput, error) {
	owner, isExact, err := in.reader(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.contactOf(ctx, owner, in.Name, isExact)
	if err != nil {
		return nil, err
	}
	return &contactOutput{viewContact(c)}, nil
}

// contactOf returns what a name means to an owner, or errNotFound.
func (s *Server) contactOf(ctx context.Context, owner, name string, isExact bool) (store.Contact, error) {
	found, err := s.store.FindContacts(ctx, owner, []string{name})
	if err != nil {
		return store.Contact{}, err
	}
	c, is := ofOwner(found, owner, isExact, func(c store.Contact) string { return c.Owner })
	if !is {
		return store.Contact{}, errNotFound
	}
	return c, nil
}

// reader returns as whom a name is looked up, and whether only what is exactly that owner's counts.
func (w Whose) reader(ctx context.Context) (owner string, isExact bool, err error) {
	if _, err := w.read(ctx); err != nil {
		return "", false, err
	}
	if w.Owner == "" && !w.Shared {
		return callerOf(ctx).app(), false, nil
	}
	return w.Owner, true, nil
}

// ofOwner returns what a name means to an owner among what was found: its own, or else the shared one.
func ofOwner[T any](found []T, owner string, isExact bool, ownerOf func(T) string) (one T, is bool) {
	for _, f := range found {
		if ownerOf(f) == owner {
			return f, true
		}
		if !isExact {
			one, is = f, true
		}
	}
	return one, is
}

type putContactInput struct {
	Whose
	Name string `path:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" doc:"letters, digits, dots, dashes and underscores; begins with a letter or a digit"`
	jsonBody[ContactContent]
}

func (s *Server) putContact(ctx context.Context, in *putContactInput) (*contactOutput, error) {
	owner, err := s.written(ctx, in.Whose, store.AuditContactUpdate, in.Name)
	if err != nil {
		return nil, err
	}
	c, err := s.contact(store.ContactKey{Owner: owner, Name: in.Name}, in.body, "")
	if err != nil {
		return nil, err
	}
	if _, err := s.store.PutContacts(ctx, []store.Contact{c}, actorOf(ctx)); err != nil {
		return nil, err
	}
	if c, err = s.contactOf(ctx, owner, in.Name, true); err != nil { // with its CreatedAt
		return nil, err
	}
	return &contactOutput{viewContact(c)}, nil
}

type putContactsInput struct {
	Whose
	jsonBody[contactsRequest]
}

type contactsWrittenOutput struct{ Body contactsWrittenView }

func (s *Server) putContacts(ctx context.Context, in *putContactsInput) (*contactsWrittenOutput, error) {
	owner, err := s.written(ctx, in.Whose, store.AuditContactUpdate, "")
	if err != nil {
		return nil, err
	}
	contacts, err := s.contactsOf(owner, in.body.Contacts)
	if err != nil {
		return nil, err
	}
	var changes []store.Change
	if in.body.DryRun {
		changes, err = s.wouldPut(ctx, owner, contacts)
	} else {
		changes, err = s.store.PutContacts(ctx, contacts, actorOf(ctx))
	}
	if err != nil {
		return nil, err
	}
	v := contactsWrittenView{Created: []string{}, Changed: []string{}, DryRun: in.body.DryRun}
	for i, change := range changes {
		switch change {
		case store.Created:
			v.Created = append(v.Created, contacts[i].Name)
		case store.Changed:
			v.Changed = append(v.Changed, contacts[i].Name)
		default:
			v.Unchanged++
		}
	}
	return &contactsWrittenOutput{v}, nil
}

// contactsOf returns the contacts of a body, each of which must be there once.
func (s *Server) contactsOf(owner string, named []namedContact) ([]store.Contact, error) {
	contacts, seen := make([]store.Contact, len(named)), make(map[string]bool, len(named))
	for i, n := range named {
		prefix := fmt.Sprintf("contacts[%d].", i)
		if seen[n.Name] {
			return nil, fieldProblem(http.StatusBadRequest, codeInvalidRequest, prefix+"name", "is there twice")
		}
		seen[n.Name] = true
		var err error
		if contacts[i], err = s.contact(store.ContactKey{Owner: owner, Name: n.Name}, n.ContactContent, prefix); err != nil {
			return nil, err
		}
	}
	return contacts, nil
}

// wouldPut returns what writing the contacts would do.
func (s *Server) wouldPut(ctx context.Context, owner string, contacts []store.Contact) ([]store.Change, error) {
	names := make([]string, len(contacts))
	for i, c := range contacts {
		names[i] = c.Name
	}
	stored, err := s.store.FindContacts(ctx, owner, names)
	if err != nil {
		return nil, err
	}
	return store.ContactChanges(stored, contacts), nil
}

func (s *Server) deleteContact(ctx context.Context, in *getContactInput) (*struct{}, error) {
	owner, err := s.written(ctx, in.Whose, store.AuditContactDelete, in.Name)
	if err != nil {
		return nil, err
	}
	return nil, s.store.DeleteContact(ctx, store.ContactKey{Owner: owner, Name: in.Name}, actorOf(ctx))
}
