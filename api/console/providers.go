package console

import (
	"strings"
	"time"

	"github.com/labring/sealos-notify/jobs/overview"
)

type providersData struct {
	Channels []channelProviders
}

// channelProviders is a channel with its providers.
type channelProviders struct {
	channelTile
	Providers []providerTile
}

// providerTile is a provider as the page shows it.
type providerTile struct {
	overview.Provider
	Limits, Others []overview.Setting
	Dead           int // of the newest dead deliveries
	Probed         *probedData
}

// probedData is what a probe found, or why there was none.
type probedData struct {
	overview.Probed
	Problem *Problem
}

// isLimit reports whether a key of a provider limits how much goes through it.
func isLimit(key string) bool { return strings.HasPrefix(key, "rateLimit.") || key == "maxConnections" }

func listProviders(v *visit) error { return showProviders(v, "", nil) }

// showProviders shows all channels with their providers, and what the probe of one found.
func showProviders(v *visit, name string, probed *probedData) error {
	all, err := v.console.api.Channels(v.ctx)
	if err != nil {
		return err
	}
	providers, err := v.console.api.ProviderDetails(v.ctx)
	if err != nil {
		return err
	}
	dead, _, err := v.console.api.DeadGroups(v.ctx, "")
	if err != nil {
		return err
	}
	var d providersData
	for _, c := range all {
		section := channelProviders{channelTile: channelTile{Channel: c}}
		if c.Oldest != nil {
			section.Waited = max(0, time.Since(*c.Oldest))
		}
		for _, p := range providers {
			if p.Channel != c.Name {
				continue
			}
			tile := providerTile{Provider: p}
			for _, setting := range p.Settings {
				switch {
				case isLimit(setting.Key):
					tile.Limits = append(tile.Limits, setting)
				case setting.Key != "type":
					tile.Others = append(tile.Others, setting)
				}
			}
			for _, g := range dead {
				if g.Channel == p.Channel && g.Provider == p.Name {
					tile.Dead += g.Count
				}
			}
			if p.Name == name {
				tile.Probed = probed
			}
			section.Providers = append(section.Providers, tile)
		}
		d.Channels = append(d.Channels, section)
	}
	return v.page(d)
}

// probeProvider answers with what the probe found: with that alone for htmx.
func probeProvider(v *visit) error {
	var found probedData
	var err error
	name := v.r.PathValue("name")
	if found.Probed, err = v.console.api.ProbeProvider(v.ctx, name); err != nil {
		p := v.console.api.Problem(err)
		found.Problem = &p
	}
	if v.r.Header.Get("HX-Request") != "" {
		return v.fragment("probed", found)
	}
	return showProviders(v, name, &found)
}
