package cli

// Release and Packaged are what Gantry is to a script that asks for a version: the Ganeti it replaces,
// as Debian packages it.
const (
	Release  = "3.0.2"
	Packaged = "3.0.2-3"
)
