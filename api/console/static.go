package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// static serves the files that pages load. Their addresses have a digest of their content, so a
// browser asks for each once. Another digest is of another version: during an upgrade a page's file
// may be asked of a replica that has an older one.
var static = http.StripPrefix(Prefix+"/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Del("Vary")
	if address, err := Asset(strings.TrimPrefix(r.URL.Path, "static/")); err == nil && strings.HasSuffix(address, "?"+r.URL.RawQuery) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.FileServerFS(staticFiles).ServeHTTP(w, r)
}))

// Asset returns the address of a file in static.
func Asset(name string) (string, error) {
	content, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return Prefix + "/static/" + name + "?v=" + hex.EncodeToString(sum[:6]), nil
}
