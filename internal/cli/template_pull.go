package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/labring/sealos-notify/client"
)

const (
	fromAppEnv    = "SEALOS_NOTIFY_FROM_APP_ID"
	fromSecretEnv = "SEALOS_NOTIFY_FROM_APP_SECRET" //nolint:gosec // the name of a variable

	// pullTimeout bounds the old service's answer, which is one list of all templates.
	pullTimeout = time.Minute
	// pullLimit bounds its size.
	pullLimit = 256 << 20
)

// kept is what pull says of a template that is another one here.
const kept = "kept"

type pullTemplates struct {
	From           string `required:"" placeholder:"URL" help:"URL of the old service."`
	FromAppID      string `name:"from-app-id" placeholder:"ID" help:"Id of an app of the old service; or set SEALOS_NOTIFY_FROM_APP_ID."`
	FromSecretFile string `placeholder:"FILE" type:"existingfile" help:"File with that app's secret; or set SEALOS_NOTIFY_FROM_APP_SECRET."`
	Overwrite      bool   `help:"Also replace the templates that are different here."`
	Save           string `placeholder:"DIR" type:"path" help:"Write the templates that are refused as files to this folder, for check and push."`
	DryRun         bool   `help:"Only have the service check them, and show what would be done."`
}

// Run copies the templates of the service that this one replaces. What is different here is kept:
// it may have been corrected since.
func (c pullTemplates) Run(ctx context.Context, s *session) error {
	files, err := c.read(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", c.From, err)
	}
	list, err := s.api.Templates(ctx, client.TemplateQuery{})
	if err != nil {
		return err
	}
	changes := compare(files, list.Templates, func(client.Template) bool { return false })
	different := 0
	for i := range changes {
		if changes[i].Action == updated && !c.Overwrite {
			changes[i].Action = kept
			different++
		}
	}
	refused, err := applyAll(ctx, s, changes, c.DryRun)
	if c.Save != "" && len(refused) > 0 {
		err = errors.Join(err, save(c.Save, refused))
	}
	if err == nil && different > 0 {
		return &failure{fmt.Errorf("different here, and kept: %s (--overwrite replaces them)", count(different, "template")), exitIncomplete}
	}
	return err
}

// oldTemplate is a template of the old service. Its times are not read: they have no zone.
type oldTemplate struct {
	Name         string `json:"name"`
	Channel      string `json:"channel"`
	Description  string `json:"description"`
	Subject      string `json:"subject"`
	Body         string `json:"body"`
	MsgType      string `json:"msgType"`
	TemplateCode string `json:"templateCode"`
}

// read returns the old service's templates by name. It lists them all in one answer: an object with
// templates, or the list alone.
func (c pullTemplates) read(ctx context.Context) (map[string]templateFile, error) {
	content, err := c.ask(ctx)
	if err != nil {
		return nil, err
	}
	var list []oldTemplate
	if json.Unmarshal(content, &list) != nil {
		var answer struct{ Templates *[]oldTemplate }
		if err := json.Unmarshal(content, &answer); err != nil || answer.Templates == nil {
			return nil, errors.New("the answer is not a list of templates")
		}
		list = *answer.Templates
	}
	files := map[string]templateFile{}
	for _, t := range list {
		if t.Name == "" {
			return nil, errors.New("the answer has a template without a name")
		}
		files[t.Name] = templateFile{
			Name: t.Name, Channel: t.Channel, Description: t.Description, Subject: t.Subject, Body: t.Body,
			MsgType: t.MsgType, TemplateCode: t.TemplateCode,
		}
	}
	return files, nil
}

// ask returns the old service's answer.
func (c pullTemplates) ask(ctx context.Context) ([]byte, error) {
	from, err := url.Parse(c.From)
	if err != nil || from.Host == "" || from.Scheme != "http" && from.Scheme != "https" {
		return nil, errors.New("the URL of the old service must look like https://host:port")
	}
	secret := os.Getenv(fromSecretEnv)
	if c.FromSecretFile != "" {
		content, err := readFile(c.FromSecretFile)
		if err != nil {
			return nil, fmt.Errorf("secret file: %w", err)
		}
		secret = strings.TrimSpace(string(content))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.JoinPath("/api/v1/templates").String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-App-Id", cmp.Or(c.FromAppID, os.Getenv(fromAppEnv)))
	req.Header.Set("X-App-Secret", secret)
	// A redirect is not followed, because it would send the secret elsewhere.
	old := http.Client{Timeout: pullTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := old.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, errors.New("it does not know the app: --from-app-id and --from-secret-file, or SEALOS_NOTIFY_FROM_APP_ID and SEALOS_NOTIFY_FROM_APP_SECRET, name one of its apps")
	case resp.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%w: status %d", client.ErrUnreachable, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers with status %d", resp.StatusCode)
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, pullLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	case len(content) > pullLimit:
		return nil, fmt.Errorf("the answer is larger than %d MiB", pullLimit>>20)
	}
	return content, nil
}

// save writes templates as files. A file that is there already is kept: it may have been corrected.
func save(dir string, refused []change) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, change := range refused {
		document, err := change.after.document()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, url.PathEscape(change.Name)+".yaml")
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // the user names the folder
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := file.WriteString(document); err != nil {
			return errors.Join(err, file.Close())
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}
