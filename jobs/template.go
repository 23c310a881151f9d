package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// findTemplate returns a template; store.ErrNotFound when there is none.
type findTemplate func(ctx context.Context, name string) (store.Template, error)

// storedTemplate reads the template as it is now.
func (s *Service) storedTemplate(ctx context.Context, name string) (store.Template, error) {
	t, err := s.store.Template(ctx, name)
	if err == nil {
		s.known.keep(t)
	}
	return t, err
}

// knownTemplate returns the template as it was last read, which may be out of date.
func (s *Service) knownTemplate(ctx context.Context, name string) (store.Template, error) {
	if t, ok := s.known.get(name); ok {
		return t, nil
	}
	return s.storedTemplate(ctx, name)
}

// knownTemplates keeps templates as they were last read.
type knownTemplates struct {
	mu     sync.Mutex
	byName map[string]store.Template
	bytes  int // of all bodies and subjects
}

// Templates are small, but may be as large as a request.
const (
	maxKnownTemplates = 1024
	maxKnownBytes     = 4 << 20
)

func (k *knownTemplates) get(name string) (store.Template, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, ok := k.byName[name]
	return t, ok
}

func (k *knownTemplates) keep(t store.Template) {
	size := func(t store.Template) int { return len(t.Subject) + len(t.Body) + len(t.Description) }
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += size(t) - size(k.byName[t.Name])
	if k.byName == nil || len(k.byName) >= maxKnownTemplates || k.bytes > maxKnownBytes {
		k.byName, k.bytes = make(map[string]store.Template), size(t)
	}
	k.byName[t.Name] = t
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
	parsed, err := s.templates.get(format, source)
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

// parsedTemplates keeps parsed templates by their source, so that a changed
// template is another entry and nothing has to be invalidated.
type parsedTemplates struct {
	mu      sync.Mutex
	entries map[parsedKey]*templates.Template
	source  int // bytes of all entries' sources
}

type parsedKey struct {
	format templates.Format
	source string
}

// Parsing can take a hundred times the source's size in memory, so sources are
// bounded by their sum as well as by their number.
const (
	maxParsedTemplates = 256
	maxParsedSource    = 1 << 20 // bytes
)

func (c *parsedTemplates) get(format templates.Format, source string) (*templates.Template, error) {
	key := parsedKey{format, source}
	c.mu.Lock()
	t, ok := c.entries[key]
	c.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := templates.Parse(format, source)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxParsedTemplates || c.source+len(source) > maxParsedSource {
		c.entries, c.source = make(map[parsedKey]*templates.Template), 0
	}
	c.entries[key] = t
	c.source += len(source)
	return t, nil
}
