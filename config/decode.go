package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/labring/sealos-notify/channels"
)

// entry is one key of a mapping in the file.
type entry struct {
	name string
	key  string // with those around it, for example "providers.feishu.appId"
	node ast.Node
}

// entries returns the keys of a mapping and notes their lines. It reports a key
// that is given twice. A null is a mapping without keys.
func (r *reader) entries(node ast.Node, key string) []entry {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return nil
	default:
		r.problem(key, "%s", expected(reflect.TypeFor[map[string]any]()))
		return nil
	}
	var entries []entry
	seen := map[string]bool{}
	for _, v := range values {
		t := v.Key.GetToken()
		e := entry{name: t.Value, key: join(key, printable(t.Value)), node: v.Value}
		r.origin[e.key] = fmt.Sprintf("%s:%d", r.Path, t.Position.Line)
		if seen[e.name] {
			r.problem(e.key, "is given twice")
			continue
		}
		seen[e.name] = true
		entries = append(entries, e)
	}
	return entries
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

var plainName = channels.ProviderName

// printable hides a key that is not a plain name. A colon in the wrong place can
// make a secret part of a key.
func printable(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "(not a plain name)"
}

// decode decodes the file's document into the configuration.
func (r *reader) decode(root ast.Node) {
	sections := map[string]reflect.Value{}
	for _, s := range r.cfg.sections() {
		sections[s.key] = s.value
	}
	for _, e := range r.entries(root, "") {
		switch {
		case sections[e.name].IsValid():
			r.object(e, sections[e.name], false)
		case e.name == "channels":
			for _, c := range r.entries(e.node, e.key) {
				var channel Channel
				r.object(c, reflect.ValueOf(&channel).Elem(), false)
				r.cfg.Channels[c.name] = channel
			}
		case e.name == "providers":
			for _, p := range r.entries(e.node, e.key) {
				r.provider(p)
			}
		case e.name == "integrations":
			r.object(e, reflect.ValueOf(&r.cfg.Integrations).Elem(), false)
		case e.name == "console":
			r.object(e, reflect.ValueOf(&r.cfg.Console).Elem(), true)
		default:
			r.problem(e.key, "unknown key")
		}
	}
}

// provider decodes one provider into its type's struct. A provider of unknown type
// is kept without a Config, so that channels still find its name.
func (r *reader) provider(p entry) {
	if !plainName.MatchString(p.name) {
		r.problem(p.key, "a provider's name has letters, digits, '.', '_' and '-', at most 64")
		return
	}
	provider := Provider{Name: p.name}
	defer func() { r.cfg.Providers[p.name] = provider }()
	var common channels.CommonConfig
	for _, e := range r.entries(p.node, p.key) {
		if e.name == "type" {
			r.value(e, reflect.ValueOf(&common.Type).Elem(), true)
		}
	}
	if r.reported[p.key] {
		return // it is not a mapping
	}
	if common.Type == "" {
		r.problem(p.key+".type", "is required; there are: %s", typeNames(r.Types))
		return
	}
	for _, t := range r.Types {
		if t.Name == common.Type {
			provider.Type, provider.Config = t, t.NewConfig()
			r.object(p, reflect.ValueOf(provider.Config).Elem(), true)
			return
		}
	}
	r.problem(p.key+".type", "unknown provider type; there are: %s", typeNames(r.Types))
}

// object decodes a mapping into a struct. A key with "File" appended reads its value
// from a file: any text key of a provider and of
// the console, elsewhere the secret keys.
func (r *reader) object(e entry, v reflect.Value, provider bool) {
	fields := map[string]field{}
	for _, f := range fieldsOf(v) {
		fields[f.key] = f
	}
	seen := map[string]bool{} // given as the key itself or as its file
	for _, e := range r.entries(e.node, e.key) {
		f, known := fields[e.name]
		fromFile := false
		if !known {
			if stem, ok := strings.CutSuffix(e.name, "File"); ok {
				f, known = fields[stem]
				known = known && f.value.Type() == reflect.TypeFor[string]() && (f.secret || provider)
				fromFile = true
			}
		}
		if !known {
			r.problem(e.key, "unknown key")
			continue
		}
		if _, null := e.node.(*ast.NullNode); null {
			continue // not given
		}
		if seen[f.key] {
			r.problem(e.key, "give %s or %sFile, not both", f.key, f.key)
			continue
		}
		seen[f.key] = true
		if !fromFile {
			r.value(e, f.value, provider)
			continue
		}
		var path string
		r.value(e, reflect.ValueOf(&path).Elem(), provider)
		target := strings.TrimSuffix(e.key, "File")
		r.origin[target] = r.origin[e.key]
		text, err := r.readValue(path)
		if err != nil {
			r.problem(e.key, "%w", err)
			r.reported[target] = true
		}
		f.value.SetString(text)
	}
}

// value decodes one value into v. A null leaves v as it is.
func (r *reader) value(e entry, v reflect.Value, provider bool) {
	if _, null := e.node.(*ast.NullNode); null {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if name, ok := scalar(e.node); ok && v.Type() == reflect.TypeFor[Share]() {
			v.Set(reflect.ValueOf(Share{Name: name}))
			return
		}
		r.object(e, v, provider)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(e, v.Elem(), provider)
	case reflect.Slice:
		seq, ok := e.node.(*ast.SequenceNode)
		if !ok {
			r.problem(e.key, "%s", expected(v.Type()))
			return
		}
		list := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
		for i, n := range seq.Values {
			element := entry{key: fmt.Sprintf("%s[%d]", e.key, i), node: n}
			r.origin[element.key] = fmt.Sprintf("%s:%d", r.Path, n.GetToken().Position.Line)
			r.value(element, list.Index(i), provider)
		}
		v.Set(list)
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		for _, e := range r.entries(e.node, e.key) {
			element := reflect.New(v.Type().Elem()).Elem()
			r.value(e, element, provider)
			m.SetMapIndex(reflect.ValueOf(e.name).Convert(v.Type().Key()), element)
		}
		v.Set(m)
	default:
		text, ok := scalar(e.node)
		if !ok {
			r.problem(e.key, "%s", expected(v.Type()))
			return
		}
		var err error
		if provider {
			text, err = expand(text, r.Env)
		}
		if err == nil {
			err = setText(v, text)
		}
		if err != nil {
			r.problem(e.key, "%w", err)
		}
	}
}
