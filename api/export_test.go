package api

// ParseCredentials parses the content of an apps.yaml.
var ParseCredentials = parseCredentials

// Routes returns method and path of every route, without middleware.
func (s *Server) Routes() [][2]string {
	var routes [][2]string
	for _, r := range s.app.GetRoutes(true) {
		routes = append(routes, [2]string{r.Method, r.Path})
	}
	return routes
}
