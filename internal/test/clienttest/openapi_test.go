package clienttest

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

// operations are the API's: the client's call with every field set, and the type of
// the answer.
var operations = map[string]struct {
	call   func(ctx context.Context, c *client.Client) error
	answer any
}{
	"sendNotification": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Send(ctx, filled[client.SendRequest]())
		return err
	}, client.Accepted{}},
	"getNotification": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Progress(ctx, "X")
		return err
	}, client.Notification{}},
	"listDeliveries": {func(ctx context.Context, c *client.Client) error {
		_, err := c.DeliveriesOf(ctx, "X", 1, "X")
		return err
	}, client.DeliveryList{}},
	"listNotifications": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Notifications(ctx, filled[client.NotificationQuery]())
		return err
	}, client.NotificationList{}},
	"cancelNotification": {func(ctx context.Context, c *client.Client) error {
		_, err := c.CancelNotification(ctx, "X")
		return err
	}, client.Notification{}},
	"acknowledgeNotification": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Acknowledge(ctx, "X", filled[client.Acknowledgement]())
		return err
	}, client.Acknowledged{}},
	"listIncidents": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Incidents(ctx, filled[client.IncidentQuery]())
		return err
	}, client.IncidentList{}},
	"findDeliveries": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Deliveries(ctx, filled[client.DeliveryQuery]())
		return err
	}, client.DeliveryList{}},
	"getDelivery": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Delivery(ctx, "X")
		return err
	}, client.Delivery{}},
	"retryDelivery": {func(ctx context.Context, c *client.Client) error {
		_, err := c.RetryDelivery(ctx, "X", "X")
		return err
	}, client.Delivery{}},
	"retryDeliveries": {func(ctx context.Context, c *client.Client) error {
		_, err := c.RetryDeliveries(ctx, filled[client.RetryRequest]())
		return err
	}, client.Retried{}},
	"erase": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Erase(ctx, filled[client.EraseRequest]())
		return err
	}, client.Erased{}},
	"listChannels": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Channels(ctx)
		return err
	}, client.ChannelList{}},
	"setBreaker": {func(ctx context.Context, c *client.Client) error {
		return c.SetBreaker(ctx, "X", true)
	}, nil},
	"getOverview": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Overview(ctx, "X")
		return err
	}, client.Overview{}},
	"getPreferences": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Preferences(ctx, filled[client.Recipient]())
		return err
	}, client.Preferences{}},
	"setPreferences": {func(ctx context.Context, c *client.Client) error {
		_, err := c.SetPreferences(ctx, filled[client.Preferences]())
		return err
	}, client.Preferences{}},
	"makeLinkKey": {func(ctx context.Context, c *client.Client) error {
		return c.NewLinkKey(ctx, true)
	}, nil},
	"listSuppressions": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Suppressions(ctx, filled[client.SuppressionQuery]())
		return err
	}, client.SuppressionList{}},
	"deleteSuppression": {func(ctx context.Context, c *client.Client) error {
		return c.DeleteSuppression(ctx, "X")
	}, nil},
	"createEndpoint": {func(ctx context.Context, c *client.Client) error {
		_, err := c.CreateEndpoint(ctx, filled[client.EndpointRequest]())
		return err
	}, client.Endpoint{}},
	"listEndpoints": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Endpoints(ctx, filled[client.EndpointQuery]())
		return err
	}, client.EndpointList{}},
	"getEndpoint": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Endpoint(ctx, "X")
		return err
	}, client.Endpoint{}},
	"replaceEndpoint": {func(ctx context.Context, c *client.Client) error {
		_, err := c.ReplaceEndpoint(ctx, "X", filled[client.EndpointRequest]())
		return err
	}, client.Endpoint{}},
	"deleteEndpoint": {func(ctx context.Context, c *client.Client) error {
		return c.DeleteEndpoint(ctx, "X")
	}, nil},
	"rotateEndpoint": {func(ctx context.Context, c *client.Client) error {
		_, err := c.RotateEndpoint(ctx, "X")
		return err
	}, client.Endpoint{}},
	"replayEndpoint": {func(ctx context.Context, c *client.Client) error {
		_, err := c.ReplayEndpoint(ctx, "X", filled[client.ReplayRequest]())
		return err
	}, client.Replayed{}},
	"listAudit": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Audit(ctx, filled[client.AuditQuery]())
		return err
	}, client.AuditList{}},
	"whoAmI": {func(ctx context.Context, c *client.Client) error {
		_, err := c.WhoAmI(ctx)
		return err
	}, client.Identity{}},
	"listApps": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Apps(ctx)
		return err
	}, client.AppList{}},
	"checkTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.CheckTemplate(ctx, filled[client.CheckRequest]())
		return err
	}, client.Checked{}},
	"createTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.CreateTemplate(ctx, filled[client.TemplateRequest]())
		return err
	}, client.Template{}},
	"listTemplates": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Templates(ctx, filled[client.TemplateQuery]())
		return err
	}, client.TemplateList{}},
	"getTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Template(ctx, "X")
		return err
	}, client.Template{}},
	"replaceTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.ReplaceTemplate(ctx, filled[client.ReplaceRequest]())
		return err
	}, client.Template{}},
	"deleteTemplate": {func(ctx context.Context, c *client.Client) error {
		return c.DeleteTemplate(ctx, "X")
	}, nil},
	"listKinds": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Kinds(ctx, 1, "X")
		return err
	}, client.KindList{}},
	"getKind": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Kind(ctx, "X")
		return err
	}, client.Kind{}},
	"putKind": {func(ctx context.Context, c *client.Client) error {
		_, err := c.PutKind(ctx, filled[client.KindRequest]())
		return err
	}, client.Kind{}},
	"deleteKind": {func(ctx context.Context, c *client.Client) error {
		return c.DeleteKind(ctx, "X")
	}, nil},
	"listTemplateVersions": {func(ctx context.Context, c *client.Client) error {
		_, err := c.TemplateVersions(ctx, "X", 1, 1)
		return err
	}, client.VersionList{}},
	"getTemplateVersion": {func(ctx context.Context, c *client.Client) error {
		_, err := c.TemplateVersion(ctx, "X", 1)
		return err
	}, client.TemplateVersion{}},
	"restoreTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.RestoreTemplate(ctx, "X", 1)
		return err
	}, client.Template{}},
	"previewTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.PreviewTemplate(ctx, "X", filled[map[string]any]())
		return err
	}, client.Preview{}},
	"testTemplate": {func(ctx context.Context, c *client.Client) error {
		_, err := c.TestTemplate(ctx, "X", filled[client.TestRequest]())
		return err
	}, client.Accepted{}},
	"listContacts": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Contacts(ctx, filled[client.ContactQuery]())
		return err
	}, client.ContactList{}},
	"putContacts": {func(ctx context.Context, c *client.Client) error {
		_, err := c.PutContacts(ctx, filled[client.ContactsRequest](), filled[client.Whose]())
		return err
	}, client.ContactsWritten{}},
	"getContact": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Contact(ctx, "X", filled[client.Whose]())
		return err
	}, client.Contact{}},
	"putContact": {func(ctx context.Context, c *client.Client) error {
		_, err := c.PutContact(ctx, filled[client.ContactRequest](), filled[client.Whose]())
		return err
	}, client.Contact{}},
	"deleteContact": {func(ctx context.Context, c *client.Client) error {
		return c.DeleteContact(ctx, "X", filled[client.Whose]())
	}, nil},
	"listGroups": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Groups(ctx, filled[client.GroupQuery]())
		return err
	}, client.GroupList{}},
	"getGroup": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Group(ctx, "X", filled[client.Whose]())
		return err
	}, client.Group{}},
	"putGroup": {func(ctx context.Context, c *client.Client) error {
		_, err := c.PutGroup(ctx, "X", filled[client.GroupRequest](), filled[client.Whose]())
		return err
	}, client.GroupWritten{}},
	"deleteGroup": {func(ctx context.Context, c *client.Client) error {
		return c.DeleteGroup(ctx, "X", filled[client.Whose]())
	}, nil},
	"listReceivers": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Receivers(ctx)
		return err
	}, client.ReceiverList{}},
	"listReceiverAlerts": {func(ctx context.Context, c *client.Client) error {
		_, err := c.ReceiverAlerts(ctx, "X")
		return err
	}, client.ReceiverAlerts{}},
	"testReceiver": {func(ctx context.Context, c *client.Client) error {
		_, err := c.TestReceiver(ctx, "X")
		return err
	}, client.Accepted{}},
	"listProviders": {func(ctx context.Context, c *client.Client) error {
		_, err := c.Providers(ctx)
		return err
	}, client.ProviderList{}},
	"probeProvider": {func(ctx context.Context, c *client.Client) error {
		_, err := c.ProbeProvider(ctx, "X")
		return err
	}, client.Probed{}},
	"health": {func(ctx context.Context, c *client.Client) error { _, err := c.Health(ctx); return err }, client.Health{}},
	"live":   {func(ctx context.Context, c *client.Client) error { _, err := c.Live(ctx); return err }, client.Health{}},
	"ready":  {func(ctx context.Context, c *client.Client) error { _, err := c.Ready(ctx); return err }, client.Health{}},
}

// The client matches the description of the API: each operation has a method that
// makes the right request, and bodies have the same fields.
func TestClientIsTheAPI(t *testing.T) {
	t.Parallel()
	spec, err := os.ReadFile("../../../api/openapi.yaml")
	require.NoError(t, err)
	document, err := libopenapi.NewDocument(spec)
	require.NoError(t, err)
	model, err := document.BuildV3Model()
	require.NoError(t, err)

	known := schemas{model.Model.Components.Schemas}
	described := map[string]bool{}
	for route, item := range model.Model.Paths.PathItems.FromOldest() {
		if strings.HasPrefix(route, "/api/v1/integrations/") {
			continue // for Alertmanager and Grafana, in their own formats
		}
		for method, op := range item.GetOperations().FromOldest() {
			described[op.OperationId] = true
			t.Run(op.OperationId, func(t *testing.T) {
				t.Parallel()
				known.requireSameOperation(t, strings.ToUpper(method), route, op)
			})
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(described)), slices.Collect(maps.Keys(operations)))

	problem, _ := known.named.Get("Problem")
	known.requireSameType(t, "Problem", problem, reflect.TypeFor[client.Problem]())
}

func (s schemas) requireSameOperation(t *testing.T, method, route string, op *v3.Operation) {
	t.Helper()
	ours, known := operations[op.OperationId]
	require.True(t, known, "the client has no method")

	c, served := setup(t, answer(200, "{}"))
	require.NoError(t, ours.call(t.Context(), c))
	require.Equal(t, method, served.requests[0].Method)
	require.Equal(t, strings.ReplaceAll(regexp.MustCompile(`{\w+}`).ReplaceAllString(route, "X"), "versions/X", "versions/1"), served.requests[0].URL.Path)

	asked := slices.Sorted(maps.Keys(served.requests[0].URL.Query()))
	var parameters []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			parameters = append(parameters, p.Name)
		}
	}
	require.ElementsMatch(t, parameters, asked, "query parameters")

	if op.RequestBody == nil {
		require.Empty(t, served.bodies[0])
	} else {
		var body any
		require.NoError(t, json.Unmarshal([]byte(served.bodies[0]), &body))
		described, _ := op.RequestBody.Content.Get("application/json")
		s.requireSameBody(t, "body", described.Schema, body)
	}
	for code, response := range op.Responses.Codes.FromOldest() {
		if !strings.HasPrefix(code, "2") {
			continue
		}
		if response.Content == nil {
			require.Equal(t, "204", code)
			require.Nil(t, ours.answer)
			continue
		}
		body, _ := response.Content.Get("application/json")
		require.NotNil(t, ours.answer, "it has an answer")
		s.requireSameType(t, "answer", body.Schema, reflect.TypeOf(ours.answer))
	}
}

// schemas are the named ones of the description.
type schemas struct {
	named *orderedmap.Map[string, *base.SchemaProxy]
}

// resolve returns the schema, following a reference. The library takes a description
// beside a reference for the schema.
func (s schemas) resolve(proxy *base.SchemaProxy) *base.Schema {
	if proxy.IsReference() {
		proxy, _ = s.named.Get(path.Base(proxy.GetReference()))
	}
	return proxy.Schema()
}

// requireSameBody requires that a body with every field set and a schema have the same
// fields.
func (s schemas) requireSameBody(t *testing.T, at string, proxy *base.SchemaProxy, body any) {
	t.Helper()
	schema := s.resolve(proxy)
	switch body := body.(type) {
	case map[string]any:
		if schema.Properties == nil || schema.Properties.Len() == 0 {
			for name, member := range body {
				s.requireSameBody(t, at+"."+name, schema.AdditionalProperties.A, member)
			}
			return
		}
		require.ElementsMatch(t, slices.Collect(schema.Properties.KeysFromOldest()), slices.Collect(maps.Keys(body)), at)
		for name, member := range body {
			property, _ := schema.Properties.Get(name)
			s.requireSameBody(t, at+"."+name, property, member)
		}
	case []any:
		for _, item := range body {
			s.requireSameBody(t, at+"[]", schema.Items.A, item)
		}
	}
}

// requireSameType requires that a type and a schema have the same fields and types, at
// every level.
func (s schemas) requireSameType(t *testing.T, at string, proxy *base.SchemaProxy, ours reflect.Type) {
	t.Helper()
	schema := s.resolve(proxy)
	if ours.Kind() == reflect.Pointer {
		ours = ours.Elem()
	}
	kinds := slices.DeleteFunc(slices.Clone(schema.Type), func(kind string) bool { return kind == "null" })
	if len(kinds) == 0 || ours == reflect.TypeFor[json.RawMessage]() || ours.Kind() == reflect.Interface {
		require.Contains(t, []reflect.Type{reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]()}, ours, at+" may be anything")
		return
	}
	switch kinds[0] {
	case "object":
		if schema.Properties == nil || schema.Properties.Len() == 0 {
			require.Equal(t, reflect.Map, ours.Kind(), at)
			s.requireSameType(t, at+"{}", schema.AdditionalProperties.A, ours.Elem())
			return
		}
		fields := fieldsOf(ours)
		for name, property := range schema.Properties.FromOldest() {
			field, there := fields[name]
			require.True(t, there, "%s.%s is missing in %s", at, name, ours)
			s.requireSameType(t, at+"."+name, property, field)
			delete(fields, name)
		}
		require.Empty(t, fields, "%s of %s is unknown to the API", at, ours)
	case "array":
		require.Equal(t, reflect.Slice, ours.Kind(), at)
		s.requireSameType(t, at+"[]", schema.Items.A, ours.Elem())
	case "string":
		if schema.Format == "date-time" {
			require.Equal(t, reflect.TypeFor[time.Time](), ours, at)
			return
		}
		require.Equal(t, reflect.String, ours.Kind(), at)
	case "integer":
		require.Equal(t, reflect.Int, ours.Kind(), at)
	case "number":
		require.Equal(t, reflect.Float64, ours.Kind(), at)
	case "boolean":
		require.Equal(t, reflect.Bool, ours.Kind(), at)
	default:
		require.Fail(t, "unknown type", "%s: %v", at, schema.Type)
	}
}

// fieldsOf returns the type of each JSON field of a struct.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}

// filled returns a value with every field set.
func filled[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem())
	return v
}

func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case v.Kind() == reflect.Map:
		member := reflect.New(v.Type().Elem()).Elem()
		fill(member)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("X"), member)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.String:
		v.SetString("X")
	case v.Kind() == reflect.Int:
		v.SetInt(1)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}

// A program that imports the client gets no other module with it.
func TestClientBringsNoOtherModule(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("../../../client/go.mod")
	require.NoError(t, err)
	require.Regexp(t, `^module github\.com/labring/sealos-notify/client\n\ngo [\d.]+\n$`, string(module))
}
