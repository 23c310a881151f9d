package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// Templates does what the API's operations on templates do.
type Templates interface {
	Templates(ctx context.Context, f store.TemplateFilter, after string, limit int) ([]store.Template, error)
	Template(ctx context.Context, name string) (store.Template, error)
	// TemplateFigures returns what happened lately to the deliveries that were made from a
	// template, and that the user may see.
	TemplateFigures(ctx context.Context, name string) (overview.ChannelFigures, error)
	TemplateVersions(ctx context.Context, name string, before, limit int) ([]store.TemplateVersion, error)
	TemplateVersion(ctx context.Context, name string, version int) (store.TemplateVersion, error)
	// MayChange reports whether the user may change the templates of an owner.
	MayChange(ctx context.Context, owner string) bool
	// TemplateForm returns what the templates of a channel have.
	TemplateForm(channel string) rendering.Form
	// TryTemplate checks a template as saving it would, and renders it. The params are a JSON
	// object, as the user typed it.
	TryTemplate(ctx context.Context, t store.Template, params string) (rendering.Preview, error)
	// SaveTemplate replaces version t.Version of a template, or creates one when that is 0. It
	// returns the new version.
	SaveTemplate(ctx context.Context, t store.Template) (int, error)
	DeleteTemplate(ctx context.Context, name string) error
	RestoreTemplate(ctx context.Context, name string, version int) (int, error)
	// TestTemplate sends a template as it is stored, and returns the id of the notification.
	TestTemplate(ctx context.Context, name, params, locale string, to store.Recipient) (uuid.UUID, error)
}

type templatesData struct {
	Channel  string
	Deleted  bool
	Channels []string
	Rows     []store.Template
	Next     string
}

// Narrow reports whether the list leaves some templates out.
func (d templatesData) Narrow() bool { return d.Channel != "" || d.Deleted }

func listTemplates(v *visit) error {
	query := v.r.URL.Query()
	d := templatesData{Channel: query.Get("channel"), Deleted: query.Get("deleted") != "", Channels: v.console.api.ChannelNames()}
	var err error
	d.Rows, err = v.console.api.Templates(v.ctx, store.TemplateFilter{Channel: d.Channel, Deleted: d.Deleted}, query.Get("after"), listPage+1)
	if err != nil {
		return err
	}
	if len(d.Rows) > listPage {
		d.Rows = d.Rows[:listPage]
		query.Set("after", d.Rows[listPage-1].Name)
		query.Del("done")
		d.Next = Prefix + "/templates?" + query.Encode()
	}
	return v.page(d)
}

// templatePath returns the path of a template's page, and of what is below it.
func templatePath(name, below string) string {
	return Prefix + "/templates/" + url.PathEscape(name) + below
}

func deleteTemplate(v *visit) error {
	name := v.r.PathValue("name")
	if err := v.console.api.DeleteTemplate(v.ctx, name); err != nil {
		return err
	}
	return v.redirect(templatePath(name, "/versions"), url.Values{"done": {"templateDeleted"}})
}

func restoreTemplate(v *visit) error {
	name := v.r.PathValue("name")
	version, err := strconv.ParseInt(v.r.PostForm.Get("version"), 10, 32)
	if err != nil {
		return v.show("problem", http.StatusBadRequest, Problem{Status: http.StatusBadRequest, Code: "invalid_request"})
	}
	written, err := v.console.api.RestoreTemplate(v.ctx, name, int(version))
	if err != nil {
		return err
	}
	return v.redirect(templatePath(name, ""), url.Values{"done": {"templateSaved." + strconv.Itoa(written)}})
}

// testedData is what became of a test.
type testedData struct {
	ID      uuid.UUID
	To      store.Recipient
	Problem *fault
}

// testTemplate sends a template to one recipient. It answers with a part of the page, or leads a
// browser without scripts to the notification.
func testTemplate(v *visit) error {
	form := v.r.PostForm
	d := testedData{To: store.Recipient{Type: form.Get("type"), Value: form.Get("to")}}
	id, err := v.console.api.TestTemplate(v.ctx, v.r.PathValue("name"), lines(form.Get("params")), form.Get("locale"), d.To)
	part := v.r.Header.Get("HX-Request") != ""
	switch {
	case err == nil && !part:
		return v.redirect(Prefix+"/notifications/"+id.String(), nil)
	case err != nil && !part:
		return err
	case err != nil:
		d.Problem = faultOf(v.console.api.Problem(err))
	}
	d.ID = id
	return v.fragment("tested", d)
}

// isGone reports whether a template was deleted.
func isGone(v *visit, name string) bool {
	newest, err := v.console.api.TemplateVersions(v.ctx, name, 0, 1)
	return err == nil && len(newest) > 0 && newest[0].Deleted
}

func showTemplate(v *visit) error {
	name := v.r.PathValue("name")
	t, err := v.console.api.Template(v.ctx, name)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) && isGone(v, name) {
			return v.redirect(templatePath(name, "/versions"), nil)
		}
		return err
	}
	figures, err := v.console.api.TemplateFigures(v.ctx, name)
	if err != nil {
		return err
	}
	v.Title = t.Name
	d := v.editorOf(t)
	d.Lately = &figures
	return v.page(d)
}
