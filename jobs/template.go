package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

// Codes of a Refusal of a template.
const (
	CodeInvalidMsgType  = "invalid_msg_type"
	CodeInvalidTemplate = "invalid_template" // does not parse; the message has line and column
	CodeNoTemplateCode  = "template_code_required"
)

// CheckTemplate says whether a template may be stored. A failure is a *Refusal
// that names the field.
func (s *Service) CheckTemplate(t store.Template) error {
	typ, known := s.types[t.Channel]
	if !known {
		return &Refusal{Code: CodeUnknownChannel, Field: "channel", Message: "unknown channel; known are " + s.channelNames()}
	}
	msgType, ok := typ.MsgType(t.MsgType)
	if !ok {
		names := make([]string, len(typ.MsgTypes))
		for i, mt := range typ.MsgTypes {
			names[i] = mt.Name
		}
		return &Refusal{
			Code: CodeInvalidMsgType, Field: "msgType",
			Message: fmt.Sprintf("channel %s takes %s", t.Channel, strings.Join(names, ", ")),
		}
	}
	if typ.TemplateCode && t.TemplateCode == "" {
		return &Refusal{
			Code: CodeNoTemplateCode, Field: "templateCode",
			Message: fmt.Sprintf("channel %s needs the code of the vendor's template", t.Channel),
		}
	}
	if _, err := templates.Parse(templates.Line, t.Subject); err != nil {
		return &Refusal{Code: CodeInvalidTemplate, Field: "subject", Message: err.Error()}
	}
	if _, err := templates.Parse(templates.Format(msgType.Format), t.Body); err != nil {
		return &Refusal{Code: CodeInvalidTemplate, Field: "body", Message: err.Error()}
	}
	return nil
}

// badMsgType says that a template's msgType is not one of its channel's any more.
const badMsgType = "template %q has msgType %q, which this channel does not take"

// renderTemplate makes the message. The Field of a *Refusal starts at the channel
// (".params.name", ".template").
func (s *Service) renderTemplate(t store.Template, msgType channels.MsgType, params map[string]any) (store.Message, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Message{}, err
	}
	m := store.Message{
		ID: id, Channel: t.Channel, TemplateName: t.Name, TemplateVersion: t.Version,
		MsgType: msgType.Name, TemplateCode: t.TemplateCode,
	}
	if m.Subject, err = s.renderText(templates.Line, t.Name, "subject", t.Subject, params); err != nil {
		return store.Message{}, err
	}
	if m.Body, err = s.renderText(templates.Format(msgType.Format), t.Name, "body", t.Body, params); err != nil {
		return store.Message{}, err
	}
	if t.TemplateCode != "" {
		if m.Params, err = json.Marshal(params); err != nil {
			return store.Message{}, err
		}
	}
	return m, nil
}

// findTemplate returns a template, or store.ErrNotFound. One that was at hand may have
// been written since it was read: before the call, or by another one.
type findTemplate func(ctx context.Context, name string) (t store.Template, atHand bool, err error)

// storedTemplate reads the template as it is now.
func (s *Service) storedTemplate(ctx context.Context, name string) (store.Template, bool, error) {
	t, err := s.store.Template(ctx, name)
	if err == nil {
		s.known.keep(name, t, len(t.Subject)+len(t.Body)+len(t.Description))
	}
	return t, false, err
}

// knownTemplate returns the template as it was last read. Of all who come before it
// was, one reads it: each for itself would open connections that nobody needs later.
func (s *Service) knownTemplate(ctx context.Context, name string) (store.Template, bool, error) {
	if t, ok := s.known.get(name); ok {
		return t, true, nil
	}
	t, err, _ := s.reads.Do(name, func() (any, error) {
		// The others do not leave with the one who reads.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		t, _, err := s.storedTemplate(ctx, name)
		return t, err
	})
	return t.(store.Template), true, err
}

func (s *Service) renderText(format templates.Format, name, part, source string, params map[string]any) (string, error) {
	if source == "" {
		return "", nil
	}
	parsed, err := s.parse(format, name, part, source)
	if err != nil {
		return "", err
	}
	out, err := parsed.Render(params)
	return checkText(name, part, out, err)
}

// parse can fail on a template that was checked when it was stored: the rules may
// have changed since.
func (s *Service) parse(format templates.Format, name, part, source string) (*templates.Template, error) {
	parsed, err := s.parsedTemplate(format, source)
	if err != nil {
		return nil, &Refusal{Code: CodeRenderFailed, Field: ".template", Message: fmt.Sprintf("the %s of template %q: %v", part, name, err)}
	}
	return parsed, nil
}

// checkText says whether what a rendering returned can be sent.
func checkText(name, part, out string, err error) (string, error) {
	var missing *templates.MissingParamError
	switch {
	case errors.As(err, &missing):
		return "", &Refusal{
			Code: CodeMissingParam, Field: ".params." + missing.Param,
			Message: fmt.Sprintf("template %q needs the param %q", name, missing.Param),
		}
	case err != nil:
		return "", &Refusal{Code: CodeRenderFailed, Field: ".params", Message: fmt.Sprintf("the %s of template %q: %v", part, name, err)}
	case strings.ContainsRune(out, 0) || !utf8.ValidString(out):
		return "", &Refusal{Code: CodeRenderFailed, Field: ".params", Message: fmt.Sprintf("the %s of template %q renders to NUL or invalid UTF-8", part, name)}
	}
	return out, nil
}

// parsedKey is the source itself, so that a changed template is another entry and
// nothing has to be invalidated.
type parsedKey struct {
	format templates.Format
	source string
}

// parsedTemplate returns the parsed source.
func (s *Service) parsedTemplate(format templates.Format, source string) (*templates.Template, error) {
	key := parsedKey{format, source}
	if t, ok := s.parsed.get(key); ok {
		return t, nil
	}
	t, err := templates.Parse(format, source)
	if err == nil {
		s.parsed.keep(key, t, len(source))
	}
	return t, err
}
