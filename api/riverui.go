package api

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

const riverUIPrefix = "/riverui"

// riverUI mounts River UI. A browser sends its basic credentials along with
// whatever another site makes it send, so what changes anything has to come from
// the same origin.
func riverUI(h http.Handler) fiber.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(fiber.HeaderContentType, problemContentType)
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(newProblem(http.StatusForbidden, codeForbidden, "this request comes from another site"))
	}))
	return adaptor.HTTPHandler(guard.Handler(h))
}
