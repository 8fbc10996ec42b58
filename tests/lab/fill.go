package lab

import _ "embed" // for the scripts

// fillScript makes a file system of its own for a directory, with its content and no byte more.
//
//go:embed fill.sh
var fillScript string

// drainScript gives the directory its place on the disk back, with the content it has by then.
//
//go:embed drain.sh
var drainScript string

// Fill makes the file system of a directory full. The node should be quiet: files that are open stay those of the disk.
func (c *Controls) Fill(node, dir string) error { return c.script(node, fillScript, dir) }

// Drain undoes Fill.
func (c *Controls) Drain(node, dir string) error { return c.script(node, drainScript, dir) }
