package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
)

func environ() map[string]string {
	env := map[string]string{}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return env
}

// readEnv lets the environment override the sections. An empty variable counts
// as not set. A secret can also be read from the file that NAME_FILE names.
func (r *reader) readEnv() {
	for _, s := range r.cfg.sections() {
		for _, f := range fieldsOf(s.value) {
			name, key := s.env+f.env, s.key+"."+f.key
			text := r.Env[name]
			if path := r.Env[name+"_FILE"]; path != "" && f.secret {
				r.readEnvFile(f, name, key, path, text != "")
				continue
			}
			if text == "" {
				continue
			}
			r.origin[key] = "environment " + name
			set := setText
			if f.value.Kind() == reflect.Slice {
				set = setList
			}
			if err := set(f.value, text); err != nil {
				// The environment overrides the file, so its problem is the one to show.
				r.reported[key] = false
				r.problem(key, "%w", err)
			}
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

// expand replaces ${VAR} by the variable's value and $$ by a dollar; any other
// dollar stays. What a variable holds is not expanded again.
func expand(text string, env map[string]string) (string, error) {
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
			value, ok := env[name]
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
