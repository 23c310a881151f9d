package api

import (
	"net"

	"github.com/goccy/go-yaml"
)

// ParseCredentials lets the tests of the API write apps.yaml in place.
var ParseCredentials = parseCredentials

func parseCredentials(data []byte) (*Credentials, error) {
	var file struct {
		Apps []App `yaml:"apps"`
	}
	err := yaml.Unmarshal(data, &file)
	return NewCredentials(file.Apps), err
}

// Routes lists method and path of everything that is mounted for exactly that path.
func (s *Server) Routes() [][2]string {
	var routes [][2]string
	for _, r := range s.app.GetRoutes(true) {
		routes = append(routes, [2]string{r.Method, r.Path})
	}
	return routes
}

// ServeMost is Serve with at most so many connections.
func (s *Server) ServeMost(l net.Listener, most int) error { return s.serve(l, most) }
