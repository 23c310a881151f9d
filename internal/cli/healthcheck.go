package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

type healthcheckCommand struct {
	URL string `default:"http://127.0.0.1:8080/readyz" placeholder:"URL" help:"Address to ask (${default})."`
}

// Run asks once.
func (c healthcheckCommand) Run(ctx context.Context) error {
	const patience = 5 * time.Second // the service itself waits 2 seconds for its database
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.ask(ctx); err != nil {
		return &failure{err, 1} // container runtimes know no other code
	}
	return nil
}

func (c healthcheckCommand) ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // the status says it all
		return fmt.Errorf("%s answers %s: %s", c.URL, resp.Status, body)
	}
	return nil
}
