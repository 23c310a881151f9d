package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// paramFlags are the params of a template.
type paramFlags struct {
	Param      map[string]string `short:"p" mapsep:"none" placeholder:"NAME=TEXT" help:"A param of the template; may be repeated."`
	ParamsJSON string            `name:"params-json" placeholder:"JSON" help:"Params as a JSON object, for values that are not text; --param overrides them."`
}

func (f paramFlags) values() (map[string]any, error) {
	params := map[string]any{}
	if f.ParamsJSON != "" {
		decoder := json.NewDecoder(strings.NewReader(f.ParamsJSON))
		decoder.UseNumber() // keeps all digits of large numbers
		if err := decoder.Decode(&params); err != nil {
			return nil, fmt.Errorf("--params-json is not a JSON object: %w", err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) || params == nil {
			return nil, errors.New("--params-json is not one JSON object")
		}
	}
	for name, value := range f.Param {
		params[name] = value
	}
	return params, nil
}
