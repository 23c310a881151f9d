package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

const groupDescription = "A group has the contacts that it lists, and those of its owner that have all its labels. Who that is, is looked up " +
	"whenever it is sent to. A listed name is a contact of the owner, or else a shared one; it may be a name that no contact has yet."

// groupRequest is the body of a request to write a group.
type groupRequest struct {
	Contacts []string          `json:"contacts,omitempty" maxItems:"10000" nullable:"false" doc:"names" example:"[\"alice\",\"bob\"]"`
	Labels   map[string]string `json:"labels,omitempty" doc:"at most 16; a contact must have all of them" example:"{\"region\": \"cn\"}"`
	DryRun   bool              `json:"dryRun,omitempty" doc:"check, and say what would be done; nothing is written"`
}

type groupView struct {
	Owner     string            `json:"owner" doc:"app id; empty: shared by all apps"`
	Name      string            `json:"name"`
	Contacts  []string          `json:"contacts" doc:"names that it lists"`
	Labels    map[string]string `json:"labels" doc:"what its other contacts have; empty: it has only those that it lists"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

type groupWrittenView struct {
	Name   string `json:"name"`
	Change string `json:"change" enum:"created,changed,unchanged"`
	DryRun bool   `json:"dryRun"`
}

func viewGroup(g store.Group) groupView {
	v := groupView{
		Owner: g.Owner, Name: g.Name, Contacts: g.Contacts, Labels: viewLabels(g.Labels),
		CreatedAt: g.CreatedAt.UTC(), UpdatedAt: g.UpdatedAt.UTC(),
	}
	if v.Contacts == nil {
		v.Contacts = []string{}
	}
	return v
}

// group returns the group that a request asks for, or a *Problem.
func (r groupRequest) group(key store.ContactKey) (store.Group, error) {
	now := store.Now()
	g := store.Group{ContactKey: key, Labels: r.Labels, CreatedAt: now, UpdatedAt: now}
	if len(r.Contacts) == 0 && len(r.Labels) == 0 {
		return g, fieldProblem(http.StatusBadRequest, codeInvalidRequest, "contacts", "is required (or labels)")
	}
	seen := make(map[string]bool, len(r.Contacts))
	for i, name := range r.Contacts {
		if !accepting.IsContactName(name) || seen[name] {
			return g, fieldProblem(http.StatusBadRequest, codeInvalidRequest, fmt.Sprintf("contacts[%d]", i),
				"must be the name of a contact, once: letters, digits, '.', '_' and '-', at most 128")
		}
		seen[name] = true
		g.Contacts = append(g.Contacts, name)
	}
	return g, checkLabels(r.Labels, "labels")
}

type listGroupsInput struct {
	Whose
	Name  string `query:"name" maxLength:"128" doc:"whose name begins so"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many groups"`
	After string `query:"after" maxLength:"257" doc:"continue after this group: next of the previous page"`
}

type groupListView struct {
	Groups []groupView `json:"groups"`
	Next   string      `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

// groupPage is how many groups of a list are in memory at once. One takes up to some 1.3 MiB.
const groupPage = 10

func (s *Server) listGroups(ctx context.Context, in *listGroupsInput) (*listOutput, error) {
	owners, err := in.read(ctx)
	if err != nil {
		return nil, err
	}
	first, err := parseKey(in.After)
	if err != nil {
		return nil, err
	}
	filter := store.ContactFilter{Owners: owners, Prefix: in.Name}
	return answerList(ctx, s, list[store.Group]{
		head: groupListView{Groups: []groupView{}}, page: groupPage, limit: in.Limit,
		read: func(ctx context.Context, last *store.Group, limit int) ([]store.Group, error) {
			after := first
			if last != nil {
				after = last.ContactKey
			}
			return s.store.ListGroups(ctx, filter, after, limit)
		},
		view: func(_ context.Context, g store.Group) any { return viewGroup(g) },
		next: func(g store.Group) any { return g.String() },
	})
}

type getGroupInput struct {
	Whose
	Name string `path:"name" doc:"name of the group"`
}

type groupOutput struct{ Body groupView }

func (s *Server) getGroup(ctx context.Context, in *getGroupInput) (*groupOutput, error) {
	owner, isExact, err := in.reader(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.groupOf(ctx, owner, in.Name, isExact)
	if err != nil {
		return nil, err
	}
	return &groupOutput{viewGroup(g)}, nil
}

// groupOf returns what a name means to an owner, or errNotFound.
func (s *Server) groupOf(ctx context.Context, owner, name string, isExact bool) (store.Group, error) {
	found, err := s.store.FindGroups(ctx, owner, []string{name})
	if err != nil {
		return store.Group{}, err
	}
	g, is := ofOwner(found, owner, isExact, func(g store.Group) string { return g.Owner })
	if !is {
		return store.Group{}, errNotFound
	}
	return g, nil
}

type putGroupInput struct {
	Whose
	Name string `path:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" doc:"letters, digits, dots, dashes and underscores; begins with a letter or a digit"`
	jsonBody[groupRequest]
}

type groupWrittenOutput struct{ Body groupWrittenView }

func (s *Server) putGroup(ctx context.Context, in *putGroupInput) (*groupWrittenOutput, error) {
	owner, err := s.written(ctx, in.Whose, store.AuditGroupUpdate, in.Name)
	if err != nil {
		return nil, err
	}
	g, err := in.body.group(store.ContactKey{Owner: owner, Name: in.Name})
	if err != nil {
		return nil, err
	}
	var change store.Change
	if in.body.DryRun {
		var stored []store.Group
		if stored, err = s.store.FindGroups(ctx, owner, []string{g.Name}); err == nil {
			change = store.GroupChange(stored, g)
		}
	} else {
		change, err = s.store.PutGroup(ctx, g, actorOf(ctx))
	}
	if err != nil {
		return nil, err
	}
	return &groupWrittenOutput{groupWrittenView{Name: g.Name, Change: string(change), DryRun: in.body.DryRun}}, nil
}

func (s *Server) deleteGroup(ctx context.Context, in *getGroupInput) (*struct{}, error) {
	owner, err := s.written(ctx, in.Whose, store.AuditGroupDelete, in.Name)
	if err != nil {
		return nil, err
	}
	return nil, s.store.DeleteGroup(ctx, store.ContactKey{Owner: owner, Name: in.Name}, actorOf(ctx))
}
