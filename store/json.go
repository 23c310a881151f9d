package store

import (
	"encoding/json"
	"fmt"
)

// jsonOf returns JSON of texts and numbers only.
func jsonOf(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: %v", err))
	}
	return encoded
}

// scanJSON decodes a column with JSON, which may be NULL.
func scanJSON(value, into any) error {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), into)
	case []byte:
		return json.Unmarshal(v, into)
	}
	return fmt.Errorf("JSON is stored as %T", value)
}
