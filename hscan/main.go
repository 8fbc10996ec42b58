// Command hscan saves the state of clusters to data files for the other tools.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/balance/rapi"
	"gantry/lib/balance/report"
	"gantry/lib/balance/text"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hscan{Options: htools.New(c), dir: "."}
	h.PrintNodes()
	c.Flag("output-dir", "directory in which to write output files").Short('d').Meta("PATH").Complete("dir").StringVar(&h.dir)
	h.Luxi()
	h.Verbosity()
	h.HeaderLine()
	h.StaticKVMMemory()
	c.Any("cluster", &h.clusters)
	h.Run(h.run)
}

// hscan is one run of the command.
type hscan struct {
	*htools.Options
	dir      string
	clusters []string // addresses of other clusters; none means this one
}

// here is what this cluster is called.
const here = "LOCAL"

func (h *hscan) run(ctx context.Context) error {
	width := 0
	for _, name := range h.clusters {
		width = max(width, len(name))
	}
	if len(h.clusters) == 0 {
		width = len(here)
	}
	if !h.NoHeaders {
		h.Env.Println("%-*s %5s %5s %5s %5s %6s %6s %6s %6s %10s", width,
			"Name", "Nodes", "Inst", "BNode", "BInst", "t_mem", "f_mem", "t_disk", "f_disk", "Score")
	}
	if len(h.clusters) == 0 {
		c, err := htools.ReadLive(ctx, h.Env)
		return h.save(here, width, c, err)
	}
	var failed error
	for _, name := range h.clusters {
		c, err := rapi.Read(name)
		if err := h.save(name, width, c, err); err != nil {
			failed = err
		}
	}
	return failed
}

// save writes a cluster to its file, as it was read, and prints a line about it.
func (h *hscan) save(name string, width int, c *balance.Cluster, err error) error {
	var data string
	if err == nil {
		data, err = text.Write(c, c.Nodes, c.Instances)
	}
	if err == nil {
		_, err = balance.Merge{KVMNodeMem: h.KVMNodeMem}.Apply(c)
	}
	if err == nil {
		file := strings.ReplaceAll(name, "/", "_") + ".data"
		err = os.WriteFile(filepath.Join(h.dir, file), []byte(data), 0o666)
	}
	if err != nil {
		h.Env.Println("\nError for %s: failed to load data. Details:\n%v", name, err)
		return cli.DeclinedWith(2)
	}
	h.Env.Println("%-*s %s", width, name, summary(c))
	if h.ShowNodes {
		fmt.Fprint(h.Env.Out, report.Nodes(c.Nodes, h.NodeFields))
	}
	return nil
}

func summary(c *balance.Cluster) string {
	bad, affected := balance.BadNodes(c.Nodes)
	var totalMem, totalDisk float64
	var freeMem, freeDisk int
	for _, n := range c.Nodes {
		totalMem += n.TotalMem
		totalDisk += n.TotalDisk
		freeMem += n.FreeMem
		freeDisk += n.FreeDisk()
	}
	return fmt.Sprintf("%5d %5d %5d %5d %6s %6d %6s %6d %s", len(c.Nodes), len(c.Instances), len(bad), affected,
		number.Fixed(totalMem, 0), freeMem, number.Fixed(totalDisk/1024, 0), freeDisk>>10, number.Fixed(balance.Score(c.Nodes), 8))
}
