package console

import (
	"context"
	"net/url"
	"strings"

	"github.com/labring/sealos-notify/store"
)

// Contacts reads contacts and groups.
type Contacts interface {
	// Contacts returns a page of those that the user may see. f.Owners has one at most.
	Contacts(ctx context.Context, f store.ContactFilter, after store.ContactKey, limit int) ([]store.Contact, error)
	Contact(ctx context.Context, key store.ContactKey) (store.Contact, error)
	Groups(ctx context.Context, f store.ContactFilter, after store.ContactKey, limit int) ([]store.Group, error)
	Group(ctx context.Context, key store.ContactKey) (store.Group, error)
}

// contactSearch is what the form asks for, as it was typed.
type contactSearch struct{ Name, Address, Label, Owner string }

// Narrow reports whether the search leaves something out.
func (s contactSearch) Narrow() bool { return s != contactSearch{} }

func contactSearchOf(query url.Values) contactSearch {
	get := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	return contactSearch{Name: get("name"), Address: get("address"), Label: get("label"), Owner: get("owner")}
}

// filter returns the filter of a search. A label without a value is no label.
func (s contactSearch) filter() store.ContactFilter {
	f := store.ContactFilter{Prefix: s.Name, Address: s.Address}
	f.Label, f.LabelValue, _ = strings.Cut(s.Label, "=")
	if s.Owner != "" {
		f.Owners = []string{s.Owner}
	}
	return f
}

// contactsData is the list of contacts, or of groups.
type contactsData struct {
	Search   contactSearch
	Contacts []store.Contact
	Groups   []store.Group
	Next     string
}

func listContacts(v *visit) error {
	query := v.r.URL.Query()
	d := contactsData{Search: contactSearchOf(query)}
	var err error
	d.Contacts, err = v.console.api.Contacts(v.ctx, d.Search.filter(), keyOf(query.Get("after")), listPage+1)
	if err != nil {
		return err
	}
	if len(d.Contacts) > listPage {
		d.Contacts = d.Contacts[:listPage]
		d.Next = nextPage("/contacts", query, d.Contacts[listPage-1].ContactKey)
	}
	return v.page(d)
}

func listGroups(v *visit) error {
	query := v.r.URL.Query()
	d := contactsData{Search: contactSearchOf(query)}
	var err error
	d.Groups, err = v.console.api.Groups(v.ctx, d.Search.filter(), keyOf(query.Get("after")), listPage+1)
	if err != nil {
		return err
	}
	if len(d.Groups) > listPage {
		d.Groups = d.Groups[:listPage]
		d.Next = nextPage("/groups", query, d.Groups[listPage-1].ContactKey)
	}
	return v.page(d)
}

// nextPage returns the path of the list after a key.
func nextPage(list string, query url.Values, last store.ContactKey) string {
	query.Set("after", last.String())
	query.Del("done")
	return Prefix + list + "?" + query.Encode()
}

// keyOf returns the key of its text.
func keyOf(text string) store.ContactKey {
	name := store.NameOf(text)
	return store.ContactKey{Owner: strings.TrimSuffix(strings.TrimSuffix(text, name), "/"), Name: name}
}

func showContact(v *visit) error {
	c, err := v.console.api.Contact(v.ctx, keyOf(v.r.URL.Query().Get("key")))
	if err != nil {
		return err
	}
	v.Title = c.Name
	return v.page(c)
}

// groupData is a group with the beginning of its list.
type groupData struct {
	store.Group
	Listed int
}

// maxListed is how many of a group's names a page shows.
const maxListed = 200

func showGroup(v *visit) error {
	g, err := v.console.api.Group(v.ctx, keyOf(v.r.URL.Query().Get("key")))
	if err != nil {
		return err
	}
	v.Title = g.Name
	d := groupData{g, len(g.Contacts)}
	d.Contacts = d.Contacts[:min(len(d.Contacts), maxListed)]
	return v.page(d)
}
