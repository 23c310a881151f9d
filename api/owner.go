package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labring/sealos-notify/store"
)

// hidden stands for what only administrators may see.
const hidden = "***"

// owns reports whether the caller may do what the owner may.
func (c Caller) owns(owner string) bool { return c.app() == owner || c.may(RoleAdmin) }

// templateOf returns a template, or errNotFound for a private one of another app.
func (s *Server) templateOf(ctx context.Context, name string) (store.Template, error) {
	t, err := s.store.Template(ctx, name)
	if err == nil && t.Private && !callerOf(ctx).owns(t.Owner) {
		return store.Template{}, errNotFound
	}
	return t, err
}

// newestVersion returns the newest version of a template, which may be deleted, or
// errNotFound for a private one of another app. The template belongs to its owner.
func (s *Server) newestVersion(ctx context.Context, name string) (store.TemplateVersion, error) {
	newest, err := s.store.TemplateVersions(ctx, name, 0, 1)
	if err != nil {
		return store.TemplateVersion{}, err
	}
	if len(newest) == 0 || newest[0].Private && !callerOf(ctx).owns(newest[0].Owner) {
		return store.TemplateVersion{}, errNotFound
	}
	return newest[0], nil
}

// mayChange returns a *Problem unless the template is the caller's to change. The refusal is
// noted as the action, unless that is empty.
func (s *Server) mayChange(ctx context.Context, action store.AuditAction, name, owner string) error {
	if callerOf(ctx).owns(owner) {
		return nil
	}
	if action != "" {
		s.auditRefusal(ctx, action, name)
	}
	return newProblem(http.StatusForbidden, codeNotOwner,
		fmt.Sprintf("template %s belongs to the app %s: only that app and administrators may change, delete or restore it", name, owner))
}

// mayCreate returns whose the name of a new template is: empty when it was never used. The error
// is a *Problem when the caller may not use it. The name of a deleted template stays its owner's,
// because others may still send by that name.
func (s *Server) mayCreate(ctx context.Context, name string, action store.AuditAction) (owner string, err error) {
	newest, err := s.store.TemplateVersions(ctx, name, 0, 1)
	if err != nil || len(newest) == 0 {
		return "", err
	}
	n := newest[0]
	if !n.Deleted || n.Private && !callerOf(ctx).owns(n.Owner) {
		return "", existsProblem(store.ErrExists)
	}
	return n.Owner, s.mayChange(ctx, action, name, n.Owner)
}

// chooseOwner returns the owner that a request gives to a template of the current one.
func (s *Server) chooseOwner(ctx context.Context, asked, current string) (string, error) {
	switch {
	case asked == "" || asked == current:
		return current, nil
	case !callerOf(ctx).may(RoleAdmin):
		return "", fieldProblem(http.StatusForbidden, codeForbidden, "owner", "only an administrator may give a template to another app")
	case !s.auth.current.Load().Knows(asked):
		return "", fieldProblem(http.StatusUnprocessableEntity, codeUnknownApp, "owner", "there is no app with this id")
	}
	return asked, nil
}

// viewRecipient returns a recipient as the caller may see it. Who is configured is for
// administrators to see.
func viewRecipient(ctx context.Context, r store.Recipient) recipientView {
	if isHidden(ctx, r) {
		return recipientView{r.Type, hidden}
	}
	return recipientView{r.Type, r.Value}
}

func isHidden(ctx context.Context, r store.Recipient) bool {
	return r.Configured && !callerOf(ctx).may(RoleAdmin)
}

// hidesConfigured reports whether a search for a recipient must not find those that are
// configured: it would tell whether a guess is right.
func hidesConfigured(ctx context.Context, recipient string) bool {
	return recipient != "" && !callerOf(ctx).may(RoleAdmin)
}

// viewFailure returns the text and the details of an attempt to reach a recipient as the
// caller may see them. Vendors repeat addresses in both.
func viewFailure(ctx context.Context, r store.Recipient, text string, details []byte) (string, json.RawMessage) {
	if !isHidden(ctx, r) {
		return text, details
	}
	if text != "" {
		text = hidden
	}
	return text, nil
}
