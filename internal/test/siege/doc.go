// Package siege measures what callers and vendors can cost the service at most, and besieges
// it: everything hostile at once, beside ordinary sends.
//
// The real program runs in a cgroup with the memory limit of deploy/kubernetes where the
// machine lets the test make one, and elsewhere with the manifest's GOMEMLIMIT alone; then its
// resident memory is measured. The log says which. The short form runs with all other tests
// and asserts what a busy machine does not change. The long form, with SIEGE=long, runs for ten
// minutes (SIEGE_TIME changes that) and asserts the times, too.
package siege
