// Command hscan saves the state of clusters to data files for the other tools.
package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	o := htools.New(c)
	dir := "."
	o.PrintNodes()
	c.Flag("output-dir", "directory in which to write output files").Short('d').Meta("PATH").Complete("dir").StringVar(&dir)
	o.Luxi()
	o.Verbosity()
	o.HeaderLine()
	o.StaticKVMMemory()
	var clusters []string
	c.Any("cluster", &clusters)
	c.Run(func(context.Context, *cli.Env) error { return htools.ErrNoLive })
}
