package config

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
)

//go:embed configuration.md.tmpl
var documentation string

// Markdown returns the text of docs/configuration.md. The prose stands in
// configuration.md.tmpl; the tables come from the structs' tags.
func Markdown(types []channels.Type) (string, error) {
	tmpl, err := template.New("configuration").Parse(documentation)
	if err != nil {
		return "", err
	}
	tables := map[string]string{
		"channels":     table(fieldsOf(reflect.ValueOf(Channel{})), ""),
		"providers":    table(fieldsOf(reflect.ValueOf(channels.CommonConfig{})), ""),
		"integrations": table(fieldsOf(reflect.ValueOf(api.Receiver{})), ""),
		"console":      table(fieldsOf(reflect.ValueOf(api.DefaultConsoleConfig())), ""),
	}
	for _, s := range Default().sections() {
		tables[s.key] = table(fieldsOf(s.value), s.env)
	}
	var providers strings.Builder
	for _, t := range types {
		describe(&providers, t)
	}
	var out strings.Builder
	err = tmpl.Execute(&out, map[string]any{"tables": tables, "providers": providers.String()})
	return out.String(), err
}

// describe writes the section of one provider type: its own keys, and what it sets of
// those that all types have.
func describe(b *strings.Builder, t channels.Type) {
	var kinds []string
	for _, m := range t.MsgTypes {
		kinds = append(kinds, m.Name)
	}
	c := t.NewConfig()
	fmt.Fprintf(b, "### `type: %s`\n\n", t.Name)
	fmt.Fprintf(b, "Channel `%s`; recipients `%s`; message types `%s`; `onUncertain: %s`.",
		t.Channel, strings.Join(channels.RecipientTypeNames(t), "`, `"), strings.Join(kinds, "`, `"), t.OnUncertain)
	for _, f := range fieldsOf(reflect.ValueOf(c.Common().RateLimit)) {
		if !f.value.IsZero() {
			fmt.Fprintf(b, " `rateLimit.%s: %v`.", f.key, f.value)
		}
	}
	if can := t.Abilities(); len(can) > 0 {
		fmt.Fprintf(b, " It can: %s.", strings.Join(can, ", "))
	}
	b.WriteString("\n\n")
	common := fieldsOf(reflect.ValueOf(channels.CommonConfig{}))
	b.WriteString(table(slices.DeleteFunc(fieldsOf(reflect.ValueOf(c).Elem()), func(f field) bool {
		return slices.ContainsFunc(common, func(shared field) bool { return shared.key == f.key })
	}), ""))
	b.WriteString("\n")
}

// table returns the table of a struct's keys. The fields hold the defaults.
func table(fields []field, env string) string {
	var b strings.Builder
	if env == "" {
		b.WriteString("| Key | Default | Meaning |\n|---|---|---|\n")
	} else {
		b.WriteString("| Key | Default | Environment | Meaning |\n|---|---|---|---|\n")
	}
	rows(&b, fields, "", env)
	return b.String()
}

func rows(b *strings.Builder, fields []field, prefix, env string) {
	for _, f := range fields {
		nested := f.value.Kind() == reflect.Struct
		value := ""
		if !nested {
			value = written(f.value)
		}
		fmt.Fprintf(b, "| `%s%s` | %s |", prefix, f.key, value)
		if env != "" {
			fmt.Fprintf(b, " `%s%s` |", env, f.env)
		}
		meaning := f.doc
		if f.required {
			meaning = "**Required.** " + meaning
		}
		if f.secret {
			meaning += "; secret"
		}
		fmt.Fprintf(b, " %s |\n", meaning)
		if nested {
			rows(b, fieldsOf(f.value), prefix+f.key+".", env)
		}
	}
}

// written returns a default as it is written in YAML; empty for an empty value.
func written(v reflect.Value) string {
	if v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	text := fmt.Sprint(redactedValue(v))
	if v.Kind() == reflect.Slice {
		text = strings.ReplaceAll(text, " ", ", ")
	}
	return "`" + text + "`"
}
