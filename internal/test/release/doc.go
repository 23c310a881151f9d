// Package release has the test of a release: it makes one for this platform, and a newcomer's first mail with it.
package release
