package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// mayTemplates returns the error of a caller who may not read templates.
func mayTemplates(ctx context.Context) error {
	if !callerOf(ctx).may(RoleTemplates) {
		return errForbidden(RoleTemplates)
	}
	return nil
}

func (c consoleAPI) Templates(ctx context.Context, f store.TemplateFilter, after string, limit int) ([]store.Template, error) {
	if err := mayTemplates(ctx); err != nil {
		return nil, err
	}
	giveBack, err := c.s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return c.s.visibleTemplates(ctx, f, after, limit)
}

func (c consoleAPI) Template(ctx context.Context, name string) (store.Template, error) {
	if err := mayTemplates(ctx); err != nil {
		return store.Template{}, err
	}
	return c.s.templateOf(ctx, name)
}

func (c consoleAPI) TemplateFigures(ctx context.Context, name string) (overview.ChannelFigures, error) {
	if err := mayTemplates(ctx); err != nil {
		return overview.ChannelFigures{}, err
	}
	return c.s.figuresOf(ctx, name)
}

func (c consoleAPI) TemplateVersions(ctx context.Context, name string, before, limit int) ([]store.TemplateVersion, error) {
	if err := mayTemplates(ctx); err != nil {
		return nil, err
	}
	if _, err := c.s.newestVersion(ctx, name); err != nil {
		return nil, err
	}
	giveBack, err := c.s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return c.s.store.TemplateVersions(ctx, name, before, limit)
}

func (c consoleAPI) TemplateVersion(ctx context.Context, name string, version int) (store.TemplateVersion, error) {
	if err := mayTemplates(ctx); err != nil {
		return store.TemplateVersion{}, err
	}
	return c.s.versionOf(ctx, name, version)
}

func (c consoleAPI) MayChange(ctx context.Context, owner string) bool {
	return callerOf(ctx).owns(owner)
}

func (c consoleAPI) TemplateForm(channel string) rendering.Form { return c.s.rules.Form(channel) }

func (c consoleAPI) TryTemplate(ctx context.Context, t store.Template, params string) (rendering.Preview, error) {
	if err := mayTemplates(ctx); err != nil {
		return rendering.Preview{}, err
	}
	r, err := decoded[templateReplacement](ctx, c.s, contentOf(t))
	if err != nil {
		return rendering.Preview{}, err
	}
	if err := r.check(); err != nil {
		return rendering.Preview{}, err
	}
	given, err := sample(params)
	if err != nil {
		return rendering.Preview{}, err
	}
	with, err := decoded[previewRequest](ctx, c.s, map[string]any{"params": given})
	if err != nil {
		return rendering.Preview{}, err
	}
	app := callerOf(ctx).AppID
	if err := c.s.rules.CheckTemplate(ctx, app, t); err != nil {
		return rendering.Preview{}, err
	}
	p, err := c.s.rules.PreviewTemplate(ctx, app, t, with.Params)
	return p, templateRefusal(err, t.Channel)
}

func (c consoleAPI) SaveTemplate(ctx context.Context, t store.Template) (int, error) {
	if err := mayTemplates(ctx); err != nil {
		return 0, err
	}
	if t.Version == 0 {
		return c.createTemplate(ctx, t)
	}
	fields := contentOf(t)
	fields["version"] = t.Version
	r, err := decoded[templateReplacement](ctx, c.s, fields)
	if err != nil {
		return 0, err
	}
	return writtenVersion(c.s.replaceTemplate(ctx, &replaceTemplateInput{Name: t.Name, jsonBody: jsonBody[templateReplacement]{r}}))
}

func (c consoleAPI) createTemplate(ctx context.Context, t store.Template) (int, error) {
	fields := contentOf(t)
	fields["name"], fields["channel"] = t.Name, t.Channel
	r, err := decoded[templateRequest](ctx, c.s, fields)
	if err != nil {
		return 0, err
	}
	return writtenVersion(c.s.createTemplate(ctx, &createTemplateInput{jsonBody[templateRequest]{r}}))
}

func (c consoleAPI) DeleteTemplate(ctx context.Context, name string) error {
	if err := mayTemplates(ctx); err != nil {
		return err
	}
	_, err := c.s.deleteTemplate(ctx, &getTemplateInput{Name: name})
	return err
}

func (c consoleAPI) RestoreTemplate(ctx context.Context, name string, version int) (int, error) {
	if err := mayTemplates(ctx); err != nil {
		return 0, err
	}
	return writtenVersion(c.s.restoreTemplate(ctx, &restoreInput{Name: name, jsonBody: jsonBody[restoreRequest]{restoreRequest{Version: version}}}))
}

func writtenVersion(out *templateOutput, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return out.Body.Version, nil
}

func (c consoleAPI) TestTemplate(ctx context.Context, name, params, locale string, to store.Recipient) (uuid.UUID, error) {
	if err := errors.Join(mayTemplates(ctx), maySend(ctx)); err != nil {
		return uuid.Nil, err
	}
	given, err := sample(params)
	if err != nil {
		return uuid.Nil, err
	}
	r, err := decoded[testRequest](ctx, c.s, map[string]any{
		"params": given, "locale": locale, "recipient": map[string]string{"type": to.Type, "value": to.Value},
	})
	if err != nil {
		return uuid.Nil, err
	}
	out, err := c.s.testTemplate(ctx, &testInput{Name: name, jsonBody: jsonBody[testRequest]{r}})
	if err != nil {
		return uuid.Nil, err
	}
	return out.Body.NotificationID, nil
}

// contentOf returns what a template has of the body that stores it. The name and the channel
// are not among it, because a replacement may leave them out.
func contentOf(t store.Template) map[string]any {
	content := map[string]any{
		"description": t.Description, "subject": t.Subject, "body": t.Body, "msgType": t.MsgType,
		"templateCode": t.TemplateCode, "private": t.Private, "owner": t.Owner,
	}
	if len(t.TemplateCodes) > 0 {
		content["templateCodes"] = t.TemplateCodes
	}
	content["locale"] = t.Locale
	if len(t.Texts) > 0 {
		content["texts"] = t.Texts
	}
	return content
}

// decoded returns the body of an operation that has these fields, as if a request had brought
// it: with the same limits, and the same errors.
func decoded[T any](ctx context.Context, s *Server, fields map[string]any) (body T, err error) {
	encoded, err := json.Marshal(fields)
	if err != nil {
		return body, err
	}
	schema := bodySchema{s.schemas, s.schemas.Schema(reflect.TypeFor[T](), true, "")}
	form := heldBody(ctx.Value(requestKey{}).(*fiber.Ctx))
	err = form.decode(ctx, func() error {
		return schema.decode(encoded, &body, func(values int) error { return form.takeValues(ctx, values) })
	})
	return body, err
}

// sample returns params that somebody typed, which are a JSON value; {} for nothing. The error is
// a *Problem with the place.
func sample(typed string) (jsontext.Value, error) {
	if strings.TrimSpace(typed) == "" {
		return jsontext.Value("{}"), nil
	}
	decoder := jsontext.NewDecoder(strings.NewReader(typed))
	value, err := decoder.ReadValue()
	if err == nil {
		value = value.Clone()
		if _, err = decoder.ReadToken(); errors.Is(err, io.EOF) {
			return value, nil
		}
	}
	reason, at := "more follows after the value", decoder.InputOffset()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason, at = "it ends too early", int64(len(typed))
	case errors.As(err, &syntax):
		reason, at = syntax.Err.Error(), syntax.ByteOffset
	}
	before := typed[:min(at, int64(len(typed)))]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return nil, fieldProblem(http.StatusBadRequest, codeInvalidJSON, "params", fmt.Sprintf(
		"line %d, column %d: is not valid JSON: %s", 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(line), reason))
}
