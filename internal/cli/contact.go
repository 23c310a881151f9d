package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/labring/sealos-notify/client"
)

type contactCommands struct {
	Remote
	List listContacts  `cmd:"" help:"List contacts by owner and name."`
	Show showContact   `cmd:"" help:"Print a contact as a file for push."`
	Push pushContacts  `cmd:"" help:"Create and change contacts from YAML files or a CSV file. Those that are not in it stay."`
	Rm   removeContact `cmd:"" help:"Delete contacts. What was sent stays; erase makes that unreadable."`
}

// whoseFlags choose whose contacts and groups a command is about.
type whoseFlags struct {
	Owner  selector `placeholder:"APP-ID" xor:"whose" help:"Those of this app; administrators only."`
	Shared bool     `xor:"whose" help:"Those that all apps share; only administrators change them."`
}

func (f whoseFlags) whose() client.Whose {
	return client.Whose{Owner: string(f.Owner), Shared: f.Shared}
}

// keyFlags choose a page of a list by owner and name.
type keyFlags struct {
	Name  selector `placeholder:"BEGINNING" help:"Whose name begins so."`
	Limit int      `default:"50" placeholder:"N" help:"At most N, up to 500 (${default})."`
	After string   `placeholder:"OWNER/NAME" help:"The page after this one."`
}

type listContacts struct {
	whoseFlags
	Address selector `placeholder:"VALUE" help:"Who have exactly this address."`
	Label   selector `placeholder:"LABEL=VALUE" help:"Who have this label."`
	keyFlags
}

// Run lists contacts.
func (c listContacts) Run(ctx context.Context, s *session) error {
	list, err := s.api.Contacts(ctx, client.ContactQuery{
		Whose: c.whose(), Name: string(c.Name), Address: string(c.Address), Label: string(c.Label), Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "NAME", "OWNER", "ADDRESSES", "LOCALE", "TIME ZONE", "LABELS", "UPDATED")
		for _, contact := range list.Contacts {
			row(w, contact.Name, contact.Owner, addressText(contact.Addresses), contact.Locale, contact.TimeZone, labelText(contact.Labels), contact.UpdatedAt)
		}
		s.hintAtMore(list.Next)
	})
}

func addressText(addresses []client.Recipient) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.Type + ":" + a.Value
	}
	return strings.Join(texts, ", ")
}

func labelText(labels map[string]string) string {
	var texts []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		texts = append(texts, label+"="+labels[label])
	}
	return strings.Join(texts, ", ")
}

type showContact struct {
	Name string `arg:"" help:"Name of the contact."`
	whoseFlags
}

// Run prints a contact.
func (c showContact) Run(ctx context.Context, s *session) error {
	contact, err := s.api.Contact(ctx, c.Name, c.whose())
	if err != nil {
		return err
	}
	document, err := document(contactFile{
		Name: contact.Name, Addresses: contact.Addresses, Locale: contact.Locale, TimeZone: contact.TimeZone, Labels: contact.Labels,
	})
	if err != nil {
		return err
	}
	return s.printText(contact, document)
}

// document returns a file as YAML that a terminal can show.
func document(file any) (string, error) {
	content, err := yaml.Marshal(file)
	if err != nil {
		return "", err
	}
	return string(cleaned(content)), nil
}

type pushContacts struct {
	Path string `arg:"" type:"path" help:"Folder with YAML files, one YAML file, or a CSV file."`
	whoseFlags
	DryRun bool `help:"Only have the service check it, and show what would be done."`
}

// pushBatch is how many contacts go in one request.
const pushBatch = 1000

// Run pushes contacts. The whole of the path is read before anything is written.
func (c pushContacts) Run(ctx context.Context, s *session) error {
	total, err := 0, readContacts(c.Path, func(placedContact) error { return nil })
	if err != nil {
		return err
	}
	p := contactPush{session: s, ctx: ctx, whose: c.whose(), done: client.ContactsWritten{Created: []string{}, Changed: []string{}, DryRun: c.DryRun}}
	err = readContacts(c.Path, func(contact placedContact) error {
		total++
		p.batch = append(p.batch, contact)
		if len(p.batch) < pushBatch {
			return nil
		}
		err := p.send()
		fmt.Fprintf(s.progress, "Contacts so far: %d\n", total)
		return err
	})
	if err == nil {
		err = p.send()
	}
	verb := ""
	if c.DryRun {
		verb = "would be "
	}
	return errors.Join(err, s.print(p.done, func(w io.Writer) {
		if c.DryRun {
			for _, name := range p.done.Created {
				row(w, name, verb+created)
			}
			for _, name := range p.done.Changed {
				row(w, name, verb+"changed")
			}
		}
		row(w, "Contacts "+verb+created, len(p.done.Created))
		row(w, "Contacts "+verb+"changed", len(p.done.Changed))
		row(w, "Contacts "+unchanged, p.done.Unchanged)
	}))
}

// contactPush writes contacts in batches.
type contactPush struct {
	*session
	ctx   context.Context //nolint:containedctx // it ends with the command
	whose client.Whose
	batch []placedContact
	done  client.ContactsWritten
}

// send writes the batch, and begins the next one. An error of one contact names its place.
func (p *contactPush) send() error {
	if len(p.batch) == 0 {
		return nil
	}
	request := client.ContactsRequest{DryRun: p.done.DryRun}
	for _, c := range p.batch {
		request.Contacts = append(request.Contacts, c.ContactRequest)
	}
	written, err := p.api.PutContacts(p.ctx, request, p.whose)
	if err != nil {
		return p.placed(err)
	}
	p.done.Created = append(p.done.Created, written.Created...)
	p.done.Changed = append(p.done.Changed, written.Changed...)
	p.done.Unchanged += written.Unchanged
	p.batch = p.batch[:0]
	return nil
}

// contactIndex is the contact in the path of a wrong field.
var contactIndex = regexp.MustCompile(`^contacts\[(\d+)\]`)

// placed returns the error of a batch with the place of the contact that it is about.
func (p *contactPush) placed(err error) error {
	var problem *client.Problem
	if !errors.As(err, &problem) || len(problem.Errors) == 0 {
		return err
	}
	field := contactIndex.FindStringSubmatch(problem.Errors[0].Field)
	if field == nil {
		return err
	}
	i, wrong := strconv.Atoi(field[1])
	if wrong != nil || i >= len(p.batch) {
		return err
	}
	return fmt.Errorf("%s: contact %s: %w", p.batch[i].place, p.batch[i].Name, err)
}

type removeContact struct {
	Names []string `arg:"" name:"name" help:"Names of the contacts."`
	whoseFlags
	confirmFlag
}

// Run deletes contacts.
func (c removeContact) Run(ctx context.Context, s *session) error {
	return remove(ctx, s, "contact", c.Names, c.confirmFlag, func(name string) error { return s.api.DeleteContact(ctx, name, c.whose()) })
}

// remove asks, and then deletes contacts or groups. One that the service refuses does not stop the
// others.
func remove(ctx context.Context, s *session, noun string, names []string, asked confirmFlag, do func(name string) error) error {
	if err := asked.confirm(ctx, count(len(names), noun)+" will be deleted: "+strings.Join(names, ", ")+"."); err != nil {
		return err
	}
	removed := []string{}
	var refused []error
	for _, name := range names {
		if err := do(name); err != nil {
			refused = append(refused, fmt.Errorf("%s %s: %w", noun, name, err))
			continue
		}
		removed = append(removed, name)
	}
	err := s.print(map[string][]string{"deleted": removed}, func(w io.Writer) {
		for _, name := range removed {
			row(w, name, deleted)
		}
	})
	return errors.Join(append(refused, err)...)
}
