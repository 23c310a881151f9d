package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/labring/sealos-notify/jobs/refusal"
)

func init() {
	// huma keeps these for the whole process.
	huma.DefaultArrayNullable = false
	huma.NewError = humaProblem
}

// OpenAPI returns the API's description (OpenAPI 3.1, YAML). openapi.yaml is its
// committed copy.
func OpenAPI() ([]byte, error) {
	api := newHuma(fiber.New())
	(&Server{}).routes(api) // described, never called
	return api.OpenAPI().YAML()
}

// serveSpec serves the description. Most replicas are never asked for it.
func (s *Server) serveSpec(api huma.API) {
	spec := sync.OnceValues(api.OpenAPI().YAML)
	s.app.Get("/openapi.yaml", func(c *fiber.Ctx) error {
		text, err := spec()
		if err != nil {
			return fmt.Errorf("describe the API: %w", err)
		}
		c.Set(fiber.HeaderContentType, "application/yaml")
		return c.Send(text)
	})
}

func newHuma(app *fiber.App, transformers ...huma.Transformer) huma.API {
	config := huma.DefaultConfig("sealos-notify", "1")
	config.Info.Description = "Notifications over six channels. Errors are problem documents (RFC 9457) with a stable code: " +
		"400 is about the shape of a request, 422 about what it asks for."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // the description is served by serveSpec; huma's page loads from a CDN
	config.CreateHooks = nil                                             // no $schema in answers
	config.Transformers = transformers
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"appId":     {Type: "apiKey", In: "header", Name: "X-App-Id"},
		"appSecret": {Type: "apiKey", In: "header", Name: "X-App-Secret"},
		"bearer":    {Type: "http", Scheme: "bearer", Description: "<appId>:<appSecret>"},
		"basic":     {Type: "http", Scheme: "basic", Description: "the user is the appId, the password the appSecret"},
	}
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	problem := config.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	config.Components.Responses = map[string]*huma.Response{}
	for status, example := range exampleProblems {
		config.Components.Responses[responseName(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemContentType: {Schema: problem, Example: example}},
		}
	}
	return humafiber.New(app, config)
}

// schemaName names notificationView "Notification".
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "View")
}

func responseName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// route is an operation of the API.
type route struct {
	method, path, id     string
	role                 Role // that the caller needs; empty below no /api/v1
	also                 Role // a second one; usually none
	summary, description string
	status               int   // of success, when it is not huma's default
	strict               bool  // refuses parameters that it does not know: one misspelt would choose all
	body                 any   // documents the body
	faults               []int // statuses of the errors of its own; those that all share are added
}

// add registers a route. What its handler returns as an error becomes a problem.
func add[I, O any](s *Server, api huma.API, r route, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, Description: r.description,
		DefaultStatus: r.status, RejectUnknownQueryParameters: r.strict, Responses: map[string]*huma.Response{},
	}
	faults := append([]int{500}, r.faults...)
	if r.role != "" {
		faults = append(faults, 401, 403, 429, 503)
		op.Middlewares = huma.Middlewares{s.requires(r.role)}
		op.Security = []map[string][]string{{"appId": {}, "appSecret": {}}, {"bearer": {}}}
		needs := fmt.Sprintf("Needs the role `%s`", r.role)
		if r.also != "" {
			op.Middlewares = append(op.Middlewares, s.requires(r.also))
			needs += fmt.Sprintf(" and the role `%s`", r.also)
		}
		op.Description = strings.TrimSpace(needs + ". " + r.description)
	}
	for _, status := range faults {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + responseName(status)}
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(err)
		}
		return out, nil
	})
	registered := operation(api, r)
	if r.body != nil {
		// Added after the registration: the body is read by the input's Resolve, not by huma.
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(r.body), true, "")
		registered.RequestBody = &huma.RequestBody{
			Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
	describeMore(registered)
}

func operation(api huma.API, r route) *huma.Operation {
	item := api.OpenAPI().Paths[r.path]
	switch r.method {
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodDelete:
		return item.Delete
	default:
		return item.Get
	}
}

// describeMore adds the second successful status that some operations have, and
// what else only some take.
func describeMore(op *huma.Operation) {
	switch op.OperationID {
	case "sendAlertmanagerAlerts", "sendGrafanaAlerts":
		op.Security = append(op.Security, map[string][]string{"basic": {}})
		fallthrough
	case "sendNotification", "testTemplate":
		accepted := op.Responses["202"]
		op.Responses["200"] = &huma.Response{
			Description: "Accepted before", Content: accepted.Content, Headers: accepted.Headers,
		}
		accepted.Headers = nil
	case "health", "ready":
		op.Responses["503"] = &huma.Response{
			Description: http.StatusText(http.StatusServiceUnavailable), Content: op.Responses["200"].Content,
		}
	}
}

// exampleProblems shows one problem for each status.
var exampleProblems = map[int]*Problem{
	http.StatusBadRequest: fieldProblem(http.StatusBadRequest, codeInvalidRequest,
		"recipients[0].type", "must be one of email, phone, user_id, feishu_user_id"),
	http.StatusUnauthorized: errUnauthorized,
	http.StatusForbidden:    errForbidden(RoleTemplates),
	http.StatusNotFound:     errNotFound,
	http.StatusConflict: fieldProblem(http.StatusConflict, refusal.IdempotencyConflict,
		"idempotencyKey", "this key was used for a different request"),
	http.StatusRequestEntityTooLarge: newProblem(http.StatusRequestEntityTooLarge,
		codeByStatus[http.StatusRequestEntityTooLarge], "the body must have at most 4194304 bytes"),
	http.StatusUnsupportedMediaType: newProblem(http.StatusUnsupportedMediaType,
		codeByStatus[http.StatusUnsupportedMediaType], "the Content-Type must be application/json"),
	http.StatusUnprocessableEntity: fieldProblem(http.StatusUnprocessableEntity, refusal.MissingParam,
		"channels.feishu_app.params.incident", `template "feishu-alert" needs the param "incident"`),
	http.StatusTooManyRequests:     errTooManyAttempts(guessWindow),
	http.StatusInternalServerError: errInternal,
	http.StatusServiceUnavailable:  errUnavailable,
}
