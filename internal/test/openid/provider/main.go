// Command provider is an OpenID provider for tests: that of github.com/zitadel/oidc, which is
// certified, with its own form and a few people. It is a module of its own, so the service does
// not depend on it. It prints its issuer, and serves until its standard input ends.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// people have the password "password". Their groups stand in UserInfo, as with many providers.
type people map[string]person

type person struct {
	email      string
	unverified bool
	groups     []string
}

var everybody = people{
	"alice": {email: "alice@example.com", groups: []string{"staff", "notify-admins"}},
	"bob":   {email: "bob@example.com", groups: []string{"staff", "billing"}},
	"carol": {email: "carol@example.com", groups: []string{"staff"}},
	"dave":  {email: "alice@example.com", unverified: true, groups: []string{"billing"}},
}

func (p people) GetUserByID(id string) *storage.User {
	one, known := p[id]
	if !known {
		return nil
	}
	return &storage.User{ID: id, Username: id, Password: "password", Email: one.email, EmailVerified: !one.unverified}
}

func (p people) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }
func (p people) ExampleClientID() string                     { return "" }

// keeper adds the groups to what the example's storage says of a person.
type keeper struct{ *storage.Storage }

func (k keeper) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	err := k.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
	info.AppendClaims("groups", everybody[subject].groups)
	return err
}

// main takes the id and the secret of the client, and its redirect address.
func main() {
	storage.RegisterClients(storage.WebClient(os.Args[1], os.Args[2], os.Args[3:]...))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	// Another host than the service's in tests, so that browsers take it for another site.
	issuer := fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	handler := exampleop.SetupServer(issuer, keeper{storage.NewStorage(everybody)}, nil, false, op.WithAllowInsecure())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	fmt.Println(issuer)
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
