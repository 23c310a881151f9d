package world

import (
	"fmt"
	"strings"

	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

// Channels is the `channels` section for Providers. All channels are enabled.
var Channels = func() string {
	section := "\n"
	for _, c := range table {
		section += fmt.Sprintf("  %s: {enabled: true, provider: %s}\n", c.name, c.provider)
	}
	return section
}()

// Kubeconfig returns the in-app provider's kubeconfig file for the addresses.
func Kubeconfig(at Addresses) []byte { return k8s.Kubeconfig("http://"+at["inapp"], "", nil) }

// Providers returns the `providers` section for the addresses and the path of the
// kubeconfig file. Each provider also gets the common keys, such as
// "rateLimit: {perSecond: 0}".
func (w *World) Providers(at Addresses, kubeconfig string, common ...string) string {
	var b strings.Builder
	for _, c := range table {
		keys := strings.Split(strings.TrimSpace(c.keys(w, at[c.name], kubeconfig)), "\n")
		fmt.Fprintf(&b, "\n  %s:", c.provider)
		for _, line := range append(keys, common...) {
			b.WriteString("\n    " + strings.TrimSpace(line))
		}
	}
	return b.String() + "\n"
}
