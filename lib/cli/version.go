package cli

// What Gantry is to a script that asks for a version: the Ganeti it replaces,
// as Debian packages it.
const (
	release  = "3.0.2"
	packaged = "3.0.2-3"
)
