package sqlread

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// conditions are the terms of a WHERE clause, with their arguments.
type conditions struct {
	terms []string
	args  []any
}

// and adds a term. The $ in it stands for the argument.
func (c *conditions) and(term string, arg any) {
	c.args = append(c.args, arg)
	c.terms = append(c.terms, strings.Replace(term, "$", "$"+strconv.Itoa(len(c.args)), 1))
}

// equal adds a term unless the value is empty.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.and(column+` = $`, value)
	}
}

// flag adds a term unless the value is nil.
func (c *conditions) flag(column string, value *bool) {
	if value != nil {
		c.and(column+` = $`, *value)
	}
}

// page adds where a page begins, newest first, and the bounds on the time of acceptance.
func (c *conditions) page(id string, after uuid.UUID, since, until time.Time) {
	if after != uuid.Nil {
		c.and(id+` < $`, after)
	}
	if !since.IsZero() {
		c.and(id+` >= $`, store.FirstID(since))
	}
	if !until.IsZero() {
		c.and(id+` < $`, store.FirstID(until))
	}
}

// content adds what a delivery d sends, and to whom.
func (c *conditions) content(channel, recipient, template string) {
	c.equal(`d.channel`, channel)
	c.equal(`d.recipient_value`, recipient)
	c.equal(`d.template_name`, template)
}

// given leaves out recipients from the configuration.
func (c *conditions) given(only bool) {
	if only {
		c.terms = append(c.terms, `NOT d.recipient_configured`)
	}
}

func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(c.terms, ` AND `)
}
