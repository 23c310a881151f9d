package vendors

import (
	"encoding/json"
	"net/http"
	"slices"
)

// ServeHTTP serves the inbox as JSON, the newest message first.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	list := i.Arrivals()
	slices.Reverse(list)
	w.Header().Set("Content-Type", "application/json")
	// Writing fails only when the client has gone.
	_ = json.NewEncoder(w).Encode(struct {
		Total    int       `json:"total"` // includes those that are no longer kept
		Arrivals []Arrival `json:"arrivals"`
	}{i.Total(), list})
}
