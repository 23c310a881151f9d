// Package hostile tests what a vendor can do to the service: every channel against every
// one of Misbehaviours. A call ends in time, takes a bounded amount of memory,
// and has the right class.
//
// The channels are those of builtin.Types, and their configuration is that of package
// world. A new channel is here once it is there.
package hostile
