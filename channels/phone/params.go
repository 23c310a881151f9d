package phone

import (
	"encoding/json"
	"errors"
)

// Params returns a message's params as vendors expect them: a JSON object whose
// values are all strings. Null becomes the empty string; lists and objects become
// their JSON. Without params the result is empty.
func Params(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		// The JSON error is dropped because it can quote the values.
		return "", errors.New("the params are not a JSON object")
	}
	if len(values) == 0 {
		return "", nil
	}
	texts := make(map[string]string, len(values))
	for name, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil { // neither a string nor null
			text = string(value)
		}
		texts[name] = text
	}
	encoded, err := json.Marshal(texts)
	return string(encoded), err
}
