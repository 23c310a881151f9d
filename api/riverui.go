package api

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

const riverUIPrefix = "/riverui"

// riverUI returns the handler of River UI. A browser adds its basic credentials to
// requests that another site makes it send, so requests that change anything must
// come from the same origin.
func riverUI(h http.Handler) fiber.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(fiber.HeaderContentType, problemContentType)
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(newProblem(http.StatusForbidden, codeForbidden, "requests from another site are not allowed"))
	}))
	return adaptor.HTTPHandler(guard.Handler(h))
}
