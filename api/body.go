package api

import (
	"bytes"
	encodingjson "encoding/json"
	"errors"
	"mime"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
)

// jsonBody is embedded in the input of an operation that has a JSON body of type T.
// The struct tags of T document the body, and their limits are enforced. huma does
// not read the body: it decodes twice, accepts duplicate names and turns numbers
// into floats.
type jsonBody[T any] struct{ body T }

// cleaner is a body whose sender cannot mend what would be refused.
type cleaner interface {
	// clean returns the body, or a copy, without what no database stores.
	clean(body []byte) []byte
}

func (*jsonBody[T]) bodyType() reflect.Type { return reflect.TypeFor[T]() }

// Resolve implements huma.Resolver: it reads the body.
func (b *jsonBody[T]) Resolve(ctx huma.Context) []error {
	err := b.read(ctx)
	var problem *Problem
	if errors.As(err, &problem) {
		for name, values := range problem.GetHeaders() { // huma writes those of handlers only
			ctx.SetHeader(name, values[0])
		}
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func (b *jsonBody[T]) read(ctx huma.Context) error {
	c := humafiber.Unwrap(ctx)
	if err := checkHeaders(c); err != nil {
		return err
	}
	held := heldBody(c)
	if cleans, is := any(b.body).(cleaner); is {
		held.content = cleans.clean(held.content)
	}
	schema := ctx.Operation().Metadata[bodySchemaKey].(bodySchema)
	return held.decode(ctx.Context(), func() error {
		return schema.decode(held.content, &b.body, func(values int) error { return held.takeValues(ctx.Context(), values) })
	})
}

// notJSON is the detail for a body that is declared as something else.
const notJSON = "the Content-Type must be application/json"

// checkHeaders returns a *Problem when the body of a request is compressed or declared as
// something else than JSON.
func checkHeaders(c *fiber.Ctx) error {
	if contentType := c.Get(fiber.HeaderContentType); contentType != "" {
		mediaType, _, err := mime.ParseMediaType(contentType)
		if err != nil || mediaType != fiber.MIMEApplicationJSON {
			return statusProblem(http.StatusUnsupportedMediaType, notJSON)
		}
	}
	// A few KiB can unpack to gigabytes.
	if len(c.Request().Header.PeekAll(fiber.HeaderContentEncoding)) > 0 {
		return statusProblem(http.StatusUnsupportedMediaType, "compressed bodies are not accepted")
	}
	return nil
}

// bodySchema is the schema of a body. The registry resolves its references.
type bodySchema struct {
	registry huma.Registry
	schema   *huma.Schema
}

// bodySchemaKey is the key of the bodySchema in an operation's metadata.
const bodySchemaKey = "body"

// undecodable is the detail for a body that passes its schema and cannot be
// decoded. The fuzz tests find none.
const undecodable = "the body does not match its schema"

// decode checks a body against its schema and decodes it into a pointer. take is called in
// between, with the number of values that are decoded. Other errors than its are
// *Problem.
func (s bodySchema) decode(body []byte, to any, take func(values int) error) error {
	c := bodyChecker{registry: s.registry, decoder: jsontext.NewDecoder(bytes.NewBuffer(body))}
	if err := c.check(s.schema); err != nil {
		return err
	}
	if err := take(c.values); err != nil {
		return err
	}
	if err := json.Unmarshal(body, to, exactly); err != nil {
		return statusProblem(http.StatusBadRequest, undecodable)
	}
	return nil
}

// exactly is made once: it remembers which types it is for. The check has refused duplicate
// names, and looking for them again would cost a tenth of the decoding.
var exactly = json.JoinOptions(json.WithUnmarshalers(json.JoinUnmarshalers(exactNumbers, exactTimes)), jsontext.AllowDuplicateNames(true))

// exactNumbers decodes a number into an any as it is written, whatever its size.
var exactNumbers = json.UnmarshalFromFunc(func(decoder *jsontext.Decoder, to *any) error {
	if decoder.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	token, err := decoder.ReadToken()
	*to = encodingjson.Number(token.String())
	return err
})
