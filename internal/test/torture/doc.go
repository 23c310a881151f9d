// Package torture proves the promise of the service: what was accepted survives
// anything short of losing the database and ends as success, dead or cancelled, and
// nobody gets it twice where the vendor gives us a way.
//
// Each torture runs the real program and keeps three ledgers: what the callers were
// told, what the database says, and what the simulated vendors received. Each has a
// short form, which runs with all other tests, and a long one (TORTURE=long). Both
// end with one table of figures.
package torture
