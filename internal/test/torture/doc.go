// Package torture tests the promise of the service: an accepted delivery survives
// anything but the loss of the database, ends as success, dead or cancelled, and
// arrives at most once where the vendor can drop duplicates.
//
// Each torture runs the real program and compares three ledgers: what callers were
// told, the database, and what the simulated vendors received. The short form runs
// with all other tests, the long form with TORTURE=long. Both print a table of figures
// at the end.
package torture
