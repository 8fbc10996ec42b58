package conformance

import (
	"compress/gzip"
	"context"
	_ "embed" // for the preparations
	"fmt"
	"io"
	"strings"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

//go:embed vm.txt
var vmText string

// vmLimit is how long one command of a record may take: nodes are slow.
const vmLimit = 10 * time.Minute

// VMSession are the records made with virtual machines, in the order they were made: they are played in one lab, each where the
// one before ended.
func VMSession() (list []string) {
	for line := range strings.Lines(vmText) {
		if record, ok := strings.CutPrefix(line, "= "); ok && !strings.Contains(record, " ") {
			list = append(list, strings.TrimSpace(record))
		}
	}
	return list
}

// vmPreparation is what was done before a record of a session, or before one of its steps ("RECORD STEP").
func vmPreparation(what string) []Step {
	_, rest, found := strings.Cut(vmText, "= "+what+"\n")
	if !found {
		return nil
	}
	part, _, _ := strings.Cut("\n"+rest, "\n= ")
	steps := scenario(part)
	for i := range steps {
		if steps[i].Node == "" {
			steps[i].Node = "master"
		}
	}
	return steps
}

// VMStand describes the lab that they are played in: three nodes, and a master without volumes that runs no instances.
func VMStand(bin, dir string) vmlab.Options {
	return vmlab.Options{
		Nodes: 3, Master: true, Domain: "lab.test", Bin: bin, Dir: dir, Files: []string{inSource("sitevm")},
		Trust: lab.TrustKey, HostKeys: []string{"rsa", "ecdsa", "ed25519"}, Memory: 1024,
	}
}

// RunVM plays a record of a session on a lab where those before it have been played. commands gets what ran on the nodes in each
// step.
func (p Play) RunVM(ctx context.Context, l *vmlab.Lab) (list []Outcome, commands [][]Command, err error) {
	steps, err := Load(p.Record)
	if err != nil {
		return nil, nil, err
	}
	listed, err := ReadDifferences()
	if err != nil {
		return nil, nil, err
	}
	if p.Limit == 0 {
		p.Limit = vmLimit
	}
	if err := p.prepare(ctx, l, vmPreparation(p.Record)); err != nil {
		return nil, nil, err
	}
	log := nodeLog{lab: l}
	if _, err := log.next(ctx); err != nil {
		return nil, nil, err
	}
	p.before = func(step int) []Step { return vmPreparation(fmt.Sprintf("%s %d", p.Record, step)) }
	told := p.Each
	var logErr error
	p.Each = func(o Outcome) {
		fresh, err := log.next(ctx)
		if logErr == nil {
			logErr = err
		}
		commands = append(commands, fresh)
		if told != nil {
			told(o)
		}
	}
	list, err = p.play(ctx, l, steps, listed)
	if err == nil {
		err = logErr
	}
	return list, commands, err
}

// nodeLog follows the master's log of what ran on the nodes.
type nodeLog struct {
	lab  *vmlab.Lab
	read int
}

func (n *nodeLog) next(ctx context.Context) ([]Command, error) {
	r, err := n.lab.Do(ctx, "master", fmt.Sprintf("tail -c +%d /var/log/ganeti/node-commands.log 2>/dev/null || true", n.read+1))
	if err != nil {
		return nil, err
	}
	n.read += len(r.Stdout)
	return oursOf(r.Stdout), nil
}

// RecordedCommands reads what Ganeti ran on the nodes, for each step of a record.
func RecordedCommands(record string) ([][]Command, error) {
	f, err := records.Open("records/" + record + ".commands.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return theirsOf(string(text)), nil
}
