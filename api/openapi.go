package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/labring/sealos-notify/jobs/accepting"
)

// configureHuma sets what huma keeps for the whole process.
var configureHuma = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewError = humaProblem
})

// OpenAPI returns the API's description (OpenAPI 3.1, YAML) of a service that takes the
// recipient types. openapi.yaml is a copy of it.
func OpenAPI(recipientTypes []string) ([]byte, error) {
	api := newHuma(fiber.New())
	(&Server{recipientTypes: recipientTypes}).routes(api) // the handlers are never called
	return api.OpenAPI().YAML()
}

// serveSpec serves the description. It is made on the first request: most replicas
// get none.
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
	configureHuma()
	config := huma.DefaultConfig("sealos-notify", "1")
	config.Info.Description = "Notifications over several channels. Errors are problem documents (RFC 9457) with a stable code: " +
		"400 is about the shape of a request, 422 about what it asks for."
	config.Info.License = &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"}
	config.Servers = []*huma.Server{{
		URL: "{address}", Description: "where the service is installed",
		Variables: map[string]*huma.ServerVariable{"address": {Default: "http://localhost:8080", Description: "scheme, host and port"}},
	}}
	config.Tags = tags
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // serveSpec serves the description; huma's page loads from a CDN
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

// tags group the operations. Each is the first part of the path behind /api/v1.
var tags = []*huma.Tag{
	{Name: "notifications", Description: "Send, read and cancel notifications."},
	{Name: "deliveries", Description: "What became of each recipient on each channel; send again."},
	{Name: "incidents", Description: "What somebody is asked to acknowledge."},
	{Name: "erase", Description: "Make addresses and texts unreadable."},
	{Name: "templates", Description: "What is sent, and its versions."},
	{Name: "kinds", Description: "Where, when and how often sorts of notifications may reach somebody."},
	{Name: "contacts", Description: "People and teams by name, with their addresses."},
	{Name: "groups", Description: "Contacts that are sent to by one name."},
	{Name: "channels", Description: "The channels, their providers and queues."},
	{Name: "overview", Description: "How the service stands."},
	{Name: "integrations", Description: "Webhooks of alert sources."},
	{Name: "endpoints", Description: "Where apps are told of events."},
	{Name: "receivers", Description: "Who gets alerts."},
	{Name: "providers", Description: "The vendors, as they are configured; let their deliveries wait, or go on."},
	{Name: "preferences", Description: "What recipients have switched off."},
	{Name: "link-keys", Description: "What the unsubscribe links of mails are made with."},
	{Name: "suppressions", Description: "Addresses that a vendor refused for good."},
	{Name: "audit", Description: "Who changed what."},
	{Name: "whoami", Description: "Who the caller is."},
	{Name: "apps", Description: "Who may call, and how much."},
	{Name: healthTag, Description: "For probes; without credentials."},
}

const healthTag = "health"

// tagOf returns the tag of a path.
func tagOf(path string) string {
	under, found := strings.CutPrefix(path, apiPrefix+"/")
	if !found {
		return healthTag
	}
	tag, _, _ := strings.Cut(under, "/")
	return tag
}

// schemaName names notificationView "Notification".
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "View")
}

func responseName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// route is an operation of the API.
type route struct {
	method, path, id     string
	role                 Role // that the caller needs; empty for none
	secondRole           Role // that the caller needs too; usually none
	summary, description string
	status               int   // of success, when it is not huma's default
	answer               any   // what a listOutput holds
	strictQuery          bool  // refuses unknown parameters: a misspelt filter would match everything
	repeats              bool  // answers 200 when the same was accepted before
	basic                bool  // accepts basic authentication, too
	probes               bool  // answers 503 with the body of 200
	errors               []int // statuses of errors besides those that all routes share
}

// addRoute registers a route. An error of its handler is answered as a problem.
func addRoute[I, O any](s *Server, api huma.API, r route, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, Description: r.description,
		DefaultStatus: r.status, RejectUnknownQueryParameters: r.strictQuery, Responses: map[string]*huma.Response{},
		Metadata: map[string]any{}, Tags: []string{tagOf(r.path)},
		Security: []map[string][]string{}, // none, and says so
	}
	statuses := append([]int{500}, r.errors...)
	if strings.HasPrefix(r.path, apiPrefix) {
		statuses = append(statuses, 401, 429, 503)
		op.Security = []map[string][]string{{"appId": {}, "appSecret": {}}, {"bearer": {}}}
	}
	if r.role != "" {
		statuses = append(statuses, 403)
		op.Middlewares = huma.Middlewares{s.requires(r.role)}
		needs := fmt.Sprintf("Needs the role `%s`", r.role)
		if r.secondRole != "" {
			op.Middlewares = append(op.Middlewares, s.requires(r.secondRole))
			needs += fmt.Sprintf(" and the role `%s`", r.secondRole)
		}
		op.Description = strings.TrimSpace(needs + ". " + r.description)
	}
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + responseName(status)}
	}
	if r.answer != nil {
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(r.answer), true, "")
		op.Responses["200"] = &huma.Response{Content: map[string]*huma.MediaType{fiber.MIMEApplicationJSON: {Schema: schema}}}
	}
	var body *huma.RequestBody
	if in, ok := any(new(I)).(interface{ bodyType() reflect.Type }); ok {
		registry := api.OpenAPI().Components.Schemas
		schema := registry.Schema(in.bodyType(), true, "")
		op.Metadata[bodySchemaKey] = bodySchema{registry, schema}
		body = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			fiber.MIMEApplicationJSON: {Schema: schema, Example: json.RawMessage(exampleBodies[r.id])},
		}}
	}
	answer := func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(err)
		}
		return out, nil
	}
	huma.Register(api, op, answer)
	if r.method == http.MethodGet { // RFC 9110, section 9.1: HEAD wherever there is GET
		head := op
		head.Method, head.Hidden = http.MethodHead, true
		huma.Register(api, head, answer)
	}
	registered := operation(api, r)
	registered.RequestBody = body // added after the registration: jsonBody reads the body, not huma
	addResponses(registered, r)
}

// describeRecipientTypes makes the recipient types the values that a recipient's type takes.
func describeRecipientTypes(api huma.API, types []string) {
	schemas := api.OpenAPI().Components.Schemas.Map()
	for _, recipient := range []string{"Recipient", "RecipientRequest"} {
		schema := schemas[recipient].Properties["type"]
		if recipient == "RecipientRequest" && len(types) > 0 {
			types = append(slices.Clone(types), accepting.RecipientContact, accepting.RecipientGroup)
		}
		for _, name := range types {
			schema.Enum = append(schema.Enum, name)
		}
	}
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

// addResponses describes the second status of operations that have two, and basic
// authentication.
func addResponses(op *huma.Operation, r route) {
	if r.basic {
		op.Security = append(op.Security, map[string][]string{"basic": {}})
	}
	if r.repeats {
		accepted := op.Responses["202"]
		op.Responses["200"] = &huma.Response{
			Description: "Already accepted", Content: accepted.Content, Headers: accepted.Headers,
		}
		accepted.Headers = nil
	}
	if r.probes {
		well := op.Responses["200"]
		op.Responses["503"] = &huma.Response{
			Description: http.StatusText(http.StatusServiceUnavailable), Content: well.Content, Headers: well.Headers,
		}
	}
	if op.Tags[0] == tagOf("/livez") {
		op.Responses["200"].Headers = nil
	}
}
