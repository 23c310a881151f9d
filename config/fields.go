package config

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one key of a configuration struct, as its tags describe it.
type field struct {
	name     string // the struct field's
	key      string
	env      string // without the section's prefix
	doc      string
	secret   bool
	required bool
	file     bool // the value is a file's path
	value    reflect.Value
}

// fieldsOf returns the keys of a struct, those of inlined structs included.
func fieldsOf(v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		key, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			fields = append(fields, fieldsOf(v.Field(i))...)
		case key != "" && key != "-":
			fields = append(fields, field{
				name:     sf.Name,
				key:      key,
				env:      sf.Tag.Get("env"),
				doc:      sf.Tag.Get("doc"),
				secret:   sf.Tag.Get("secret") == "true",
				required: sf.Tag.Get("required") == "true",
				file:     sf.Tag.Get("file") == "true",
				value:    v.Field(i),
			})
		}
	}
	return fields
}

var durationType = reflect.TypeFor[time.Duration]()

// setText parses text into v. Its error says what is expected and does not show
// the text.
func setText(v reflect.Value, text string) error {
	var err error
	switch {
	case v.Type() == durationType:
		var d time.Duration
		d, err = time.ParseDuration(text)
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
	case v.CanFloat():
		var n float64
		n, err = strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(n)
	default:
		return errors.New(expected(v.Type()))
	}
	if err != nil {
		return errors.New(expected(v.Type()))
	}
	return nil
}

// expected returns what a value of type t must be, such as "must be a list".
func expected(t reflect.Type) string {
	if t == durationType {
		return `must be a duration with its unit, such as "30s"`
	}
	switch t.Kind() {
	case reflect.String:
		return "must be a text"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	case reflect.Slice:
		return "must be a list"
	case reflect.Struct, reflect.Map:
		return "must be a mapping of keys to values"
	default:
		return "must be a whole number"
	}
}
