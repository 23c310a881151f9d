package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/caarlos0/env/v11"
)

func environ() map[string]string { return env.ToMap(os.Environ()) }

// readEnv overrides the sections from the environment. An empty variable counts as
// not set. NAME_FILE names a file that holds the secret NAME.
func (r *reader) readEnv() {
	for _, s := range r.cfg.sections() {
		variables := map[string]string{}
		for _, f := range fieldsOf(s.value) {
			name, key := s.env+f.env, s.key+"."+f.key
			text := r.Env[name]
			if path := r.Env[name+"_FILE"]; path != "" && f.secret {
				r.readEnvFile(f, name, key, path, text != "")
				continue
			}
			if f.value.Kind() == reflect.Slice {
				text = strings.ReplaceAll(text, " ", "") // people write "30, 120"
			}
			if text != "" {
				variables[name] = text
				r.origin[key] = "environment " + name
			}
		}
		err := env.ParseWithOptions(s.value.Addr().Interface(), env.Options{Environment: variables, Prefix: s.env})
		r.envProblems(s, err)
	}
}

// envProblems reports what the environment has wrong. The library's errors name
// struct fields and show values; these name keys and show none.
func (r *reader) envProblems(s section, err error) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return
	}
	for _, err := range all.Errors {
		var wrong env.ParseError
		if !errors.As(err, &wrong) {
			r.problem(s.key, "cannot be read from the environment: %T", err)
			continue
		}
		for _, f := range fieldsOf(s.value) {
			if f.name != wrong.Name {
				continue
			}
			key := s.key + "." + f.key
			r.reported[key] = false // the environment overrides the file, and so does its problem
			if f.value.Kind() == reflect.Slice {
				r.problem(key, "each element, separated by commas, %s", expected(f.value.Type().Elem()))
				continue
			}
			r.problem(key, "%s", expected(f.value.Type()))
		}
	}
}

func (r *reader) readEnvFile(f field, name, key, path string, both bool) {
	r.origin[key] = "environment " + name + "_FILE"
	if both {
		r.problem(key, "set %s or %s_FILE, not both", name, name)
		return
	}
	text, err := r.readValue(path)
	if err != nil {
		r.problem(key, "%w", err)
	}
	f.value.SetString(text)
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${VAR} by the variable's value and $$ by a dollar. Any other
// dollar stays. The variable's value is not expanded.
func expand(text string, variables map[string]string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed || !variableName.MatchString(name) {
				return "", errors.New("has ${ that begins no ${VARIABLE}; write $${ for the characters themselves")
			}
			value, ok := variables[name]
			if !ok {
				return "", fmt.Errorf("environment variable %s is not set", name)
			}
			b.WriteString(value)
			text = rest
		default:
			b.WriteByte('$')
			text = after
		}
	}
}
