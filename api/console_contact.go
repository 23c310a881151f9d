package api

import (
	"context"

	"github.com/labring/sealos-notify/store"
)

// visibleContacts limits a filter of the console, which names one owner at most, to what the caller
// may see.
func visibleContacts(ctx context.Context, f store.ContactFilter) (store.ContactFilter, error) {
	if !callerOf(ctx).may(RoleSend) {
		return f, errForbidden(RoleSend)
	}
	var of Whose
	if len(f.Owners) > 0 {
		of.Owner = f.Owners[0]
	}
	var err error
	f.Owners, err = of.read(ctx)
	return f, err
}

// listed is visibleContacts, and takes a list's place until giveBack.
func (c consoleAPI) listed(ctx context.Context, f store.ContactFilter) (visible store.ContactFilter, giveBack func(), err error) {
	if visible, err = visibleContacts(ctx, f); err == nil {
		giveBack, err = c.s.takeList(ctx)
	}
	return visible, giveBack, err
}

func (c consoleAPI) Contacts(ctx context.Context, f store.ContactFilter, after store.ContactKey, limit int) ([]store.Contact, error) {
	f, giveBack, err := c.listed(ctx, f)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return c.s.store.ListContacts(ctx, f, after, limit)
}

func (c consoleAPI) Groups(ctx context.Context, f store.ContactFilter, after store.ContactKey, limit int) ([]store.Group, error) {
	f, giveBack, err := c.listed(ctx, f)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return c.s.store.ListGroups(ctx, f, after, limit)
}

// maySeeKey returns the error of a caller who may not see what is the owner's.
func maySeeKey(ctx context.Context, key store.ContactKey) error {
	if caller := callerOf(ctx); !caller.may(RoleSend) {
		return errForbidden(RoleSend)
	} else if key.Owner != "" && !caller.owns(key.Owner) {
		return errNotFound
	}
	return nil
}

func (c consoleAPI) Contact(ctx context.Context, key store.ContactKey) (store.Contact, error) {
	if err := maySeeKey(ctx, key); err != nil {
		return store.Contact{}, err
	}
	return c.s.contactOf(ctx, key.Owner, key.Name, true)
}

func (c consoleAPI) Group(ctx context.Context, key store.ContactKey) (store.Group, error) {
	if err := maySeeKey(ctx, key); err != nil {
		return store.Group{}, err
	}
	return c.s.groupOf(ctx, key.Owner, key.Name, true)
}
