package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/query"
)

func info(c *cli.Command) {
	c.Usage("[<network>...]", "Shows networks with their addresses")
	var names []string
	c.Any("network", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		for _, r := range query.NetworkRows(cfg) {
			if len(names) == 0 {
				show(env.Out, cfg, r.Network)
			}
		}
		for _, name := range names {
			if n := cfg.NetworkByName(name); n != nil { // Ganeti passes over unknown names
				show(env.Out, cfg, n)
			}
		}
		return nil
	})
}

func show(w io.Writer, cfg *config.Config, n *config.Network) {
	fmt.Fprintf(w, "Network name: %s\nUUID: %s\nSerial number: %d\n", n.Name, n.UUID, n.SerialNo)
	for _, line := range []struct{ title, value string }{
		{"Subnet", n.Network}, {"Gateway", n.Gateway}, {"IPv6 Subnet", n.Network6}, {"IPv6 Gateway", n.Gateway6}, {"Mac Prefix", n.MACPrefix},
	} {
		if line.value == "" {
			line.value = "None"
		}
		fmt.Fprintf(w, "  %s: %s\n", line.title, line.value)
	}
	size, free := n.Size(), n.FreeCount()
	fmt.Fprintf(w, "  Size: %d\n  Free: %d (%.2f%%)\n", size, free, 100*float64(free)/float64(max(size, 1)))
	showMap(w, n.Map())
	showReserved(w, n.External())
	showGroups(w, cfg, n)
	showInstances(w, cfg, n)
}

// mapWidth is how many addresses a line of the map shows.
const mapWidth = 64

func showMap(w io.Writer, pool string) {
	fmt.Fprintln(w, "  Usage map:")
	for at := 0; at < len(pool); at += mapWidth {
		fmt.Fprintf(w, "     %4d %-*s %d\n", at, mapWidth, pool[at:min(at+mapWidth, len(pool))], at+mapWidth-1)
	}
	fmt.Fprintln(w, "         (X) used    (.) free")
}

func showReserved(w io.Writer, ips []string) {
	if len(ips) == 0 {
		return
	}
	fmt.Fprintln(w, "  externally reserved IPs:")
	for _, line := range cli.Wrap(strings.Join(ips, ", "), mapWidth) {
		fmt.Fprintf(w, "    %s\n", line)
	}
}

func showGroups(w io.Writer, cfg *config.Config, n *config.Network) {
	title := "  connected to node groups:\n"
	for _, r := range query.GroupRows(cfg) {
		if p, ok := r.Group.Networks[n.UUID]; ok {
			fmt.Fprintf(w, "%s    %s (mode:%s link:%s vlan:%s)\n", title, r.Group.Name, p.String("mode"), p.String("link"), p.String("vlan"))
			title = ""
		}
	}
	if title != "" {
		fmt.Fprintln(w, "  not connected to any node group")
	}
}

func showInstances(w io.Writer, cfg *config.Config, n *config.Network) {
	var lines []string
	for _, r := range query.InstanceRows(cfg) {
		var nics []string
		for i, nic := range r.Instance.NICs {
			if nic.Network == n.UUID && nic.IP != "" {
				nics = append(nics, fmt.Sprintf("%d:%s", i, nic.IP))
			} else if nic.Network == n.UUID {
				nics = append(nics, fmt.Sprintf("%d:None", i))
			}
		}
		if nics != nil {
			lines = append(lines, fmt.Sprintf("    %s: %s", r.Instance.Name, strings.Join(nics, ", ")))
		}
	}
	if lines == nil {
		fmt.Fprintln(w, "  not used by any instances")
		return
	}
	fmt.Fprintf(w, "  used by %d instances:\n%s\n", len(lines), strings.Join(lines, "\n"))
}
