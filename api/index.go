package api

import "github.com/gofiber/fiber/v2"

// index is what a browser gets that has only the address.
func index(c *fiber.Ctx) error {
	return c.Type("html", "utf-8").SendString(`<!doctype html><title>sealos-notify</title>
<h1>sealos-notify</h1>
<p><a href="openapi.yaml">The API</a> · <a href="riverui/">River UI</a>, for an app with the role admin: its id and secret`)
}
