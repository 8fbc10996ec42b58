package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/osdef"
	"gantry/lib/remote"
)

// diskCopy copies dumps of disks between an OS's scripts on one node and files on another, or disks as they are to another node. All
// disks are copied at once; each is durable work on the node of the scripts, or of the data.
type diskCopy struct {
	env    *job.Env
	os     osChoice
	inst   *config.Instance
	script string // export, import, transfer: none of them, sendRaw or receiveRaw
	node   *config.Node
	other  *config.Node // has the files
	tool   string       // of compression

	found osdef.OS
	hop   []string // from node to other; nil where they are one
	keyed bool     // node's sshd forwards no agent: each copy needs a key of its own
}

// What copies without an OS's scripts: a disk to another one, and, where an instance has no OS, to a dump and back. All of them run where
// the data is.
const (
	transfer   = "transfer"
	sendRaw    = "send"
	receiveRaw = "receive"
)

// dumping copies a disk to files on another node.
func dumping(env *job.Env, os osChoice, inst *config.Instance, target *config.Node, tool string) diskCopy {
	c := diskCopy{env: env, os: os, inst: inst, script: "export", node: env.Config.Node(inst.PrimaryNode), other: target, tool: tool}
	if inst.OS == "" {
		c.script = sendRaw
	}
	return c
}

// restoring copies files on another node to disks.
func restoring(env *job.Env, os osChoice, inst *config.Instance, source *config.Node, tool string) diskCopy {
	c := diskCopy{env: env, os: os, inst: inst, script: "import", node: env.Config.Node(inst.PrimaryNode), other: source, tool: tool}
	if inst.OS == "" {
		c.script, c.node, c.other = receiveRaw, c.other, c.node
	}
	return c
}

// raw says that there are no scripts in it.
func (c *diskCopy) raw() bool { return c.script != "export" && c.script != "import" }

// judge says how a copy ended, one without scripts as an export from where it runs.
func (c *diskCopy) judge(out remote.Result) backup.Copied {
	if c.raw() {
		return backup.Judge("export", out)
	}
	return backup.Judge(c.script, out)
}

// prepare looks whether the scripts are there, and for a way between the nodes: over the secondary network if there is one.
func (c *diskCopy) prepare(ctx context.Context) (err error) {
	if !c.raw() {
		if c.found, err = c.os.find(ctx, c.env.Nodes, c.node.Name); err != nil {
			return err
		}
	}
	if c.node.UUID == c.other.UUID {
		return nil
	}
	addresses := []string{c.other.PrimaryIP}
	if c.other.SecondaryIP != "" && c.other.SecondaryIP != c.other.PrimaryIP {
		addresses = []string{c.other.SecondaryIP, c.other.PrimaryIP}
	}
	for _, address := range addresses {
		if c.hop, err = c.env.Nodes.Hop(c.other.Name, address); err != nil {
			return err
		}
		_, err = c.env.Nodes.Run(ctx, c.node.Name, backup.Reach(c.hop))
		if c.keyed = errors.Is(err, remote.ErrNoForwarding) && c.env.Config.Cluster.ModifySSHSetup; c.keyed {
			err = backup.Knock(ctx, c.env.Nodes, c.node.Name, c.hop)
		}
		if err == nil {
			return nil
		}
	}
	return fault.Refuse(fault.Environment, "Node %s cannot reach node %s: %w", c.node.Name, c.other.Name, err)
}

// piece is one disk to be copied: its number, the device that is read or that the script gets, the file of the dump or the device
// on the other node, and how much there is to send, as far as that is known.
type piece struct {
	index        int
	device, file string
	mib          float64
}

// run copies the disks and gives the numbers of those that failed.
func (c *diskCopy) run(ctx context.Context, pieces []piece) (failed []int, err error) {
	if c.keyed {
		defer c.withdraw(pieces)
	}
	from, to := c.node, c.other
	if c.script == "import" {
		from, to = to, from
	}
	for _, p := range pieces {
		c.env.Say("Exporting disk/%d from %s to %s", p.index, from.Name, to.Name)
	}
	for _, p := range pieces {
		cmd, err := c.admitted(ctx, p)
		if err != nil {
			return nil, errors.Join(err, c.end(pieces))
		}
		if err := c.env.Nodes.Start(ctx, c.node.Name, c.id(p), cmd); err != nil {
			return nil, errors.Join(err, c.end(pieces))
		}
		c.env.Say("disk/%d is now listening, starting export", p.index)
	}
	ends, err := c.follow(ctx, pieces, from.Name, to.Name)
	if err != nil {
		return nil, errors.Join(err, c.end(pieces))
	}
	c.tell(pieces, ends)
	for i, p := range pieces {
		if !ends[i].OK() {
			failed = append(failed, p.index)
		}
	}
	return failed, nil
}

// follow waits for the end of all copies, and tells of them meanwhile.
func (c *diskCopy) follow(ctx context.Context, pieces []piece, from, to string) ([]backup.Copied, error) {
	works := map[string]piece{}
	var ids []string
	for _, p := range pieces {
		ids = append(ids, c.id(p))
		works[c.id(p)] = p
	}
	var ends []backup.Copied
	var all error
	// All are begun: each is followed even if nobody waits any more, to see that it is not known how it ends.
	for _, reply := range remote.Each(context.WithoutCancel(ctx), ids, 0, func(_ context.Context, id string) (backup.Copied, error) {
		return c.followOne(ctx, id, &teller{env: c.env, piece: works[id], from: from, to: to})
	}) {
		ends, all = append(ends, reply.Value), errors.Join(all, reply.Err)
	}
	return ends, all
}

func (c *diskCopy) followOne(ctx context.Context, id string, t *teller) (backup.Copied, error) {
	var said []byte
	out, err := c.env.Nodes.FollowOutput(ctx, c.node.Name, id, lookEvery, func(stdout, stderr []byte) {
		said = append(said, stdout...)
		t.take(stderr)
	})
	if isUnknown(err) {
		return backup.Copied{}, err
	}
	out.Stdout = said
	end := c.judge(out)
	if err != nil && end.OK() {
		end.Sent = err.Error()
	}
	return end, c.env.Nodes.Forget(context.WithoutCancel(ctx), c.node.Name, id)
}

// How often is looked how far copies have come, and how often it is told.
const (
	lookEvery = 5 * time.Second
	tellEvery = time.Minute
)

// teller tells of a copy that takes long.
type teller struct {
	env      *job.Env
	piece    piece
	from, to string
	progress backup.Progress
	told     time.Time
}

// take reads what the copy says. It is told of as soon as there is something to tell, and then now and again.
func (t *teller) take(said []byte) {
	t.progress.Take(said)
	text, now := t.progress.Text(t.piece.mib), t.env.Clock()
	if text == "" || now.Sub(t.told) < tellEvery {
		return
	}
	if t.told.IsZero() {
		t.env.Say("disk/%d is receiving data on %s", t.piece.index, t.to)
		t.env.Say("disk/%d is sending data on %s", t.piece.index, t.from)
	}
	t.told = now
	t.env.Say("disk/%d sent %s", t.piece.index, text)
}

func (c *diskCopy) tell(pieces []piece, ends []backup.Copied) {
	for i, p := range pieces {
		if ends[i].OK() {
			c.env.Say("disk/%d finished receiving data", p.index)
		} else if ends[i].Received != "" {
			c.env.Say("disk/%d failed to receive data: %s (recent output: %s)", p.index, ends[i].Received, osdef.LastLines(ends[i].Log))
		}
	}
	for i, p := range pieces {
		if ends[i].OK() {
			c.env.Say("disk/%d finished sending data", p.index)
		} else if ends[i].Sent != "" {
			c.env.Say("disk/%d failed to send data: %s (recent output: %s)", p.index, ends[i].Sent, osdef.LastLines(ends[i].Log))
		}
	}
}

// end ends what may still be copied, because nobody will look at it any more.
func (c *diskCopy) end(pieces []piece) (all error) {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	for _, p := range pieces {
		if err := c.env.Nodes.Stop(ctx, c.node.Name, c.id(p)); err != nil && !errors.Is(err, remote.ErrNoWork) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (c *diskCopy) id(p piece) string {
	return fmt.Sprintf("os-%s-%d-%d-%s", c.script, c.env.Job, p.index, c.inst.UUID)
}

// admitted is the command that copies, for which the other node is open.
func (c *diskCopy) admitted(ctx context.Context, p piece) (remote.Cmd, error) {
	if !c.keyed {
		return c.command(ctx, p, c.hop)
	}
	key, err := backup.NewKey(c.id(p))
	if err != nil {
		return remote.Cmd{}, err
	}
	cmd, err := c.command(ctx, p, key.Over(c.hop))
	if err == nil {
		err = key.Lend(ctx, c.env.Nodes, c.node.Name, c.other.Name, &cmd)
	}
	return cmd, err
}

// withdraw takes the keys of the copies away again. Where that fails they open nothing for long, and verify tells of them.
func (c *diskCopy) withdraw(pieces []piece) {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	for _, p := range pieces {
		for _, node := range []string{c.other.Name, c.node.Name} {
			if err := backup.Withdraw(ctx, c.env.Nodes, node, c.id(p)); err != nil {
				c.env.Warn("%v", err)
			}
		}
	}
}

func (c *diskCopy) command(ctx context.Context, p piece, hop []string) (remote.Cmd, error) {
	switch c.script {
	case transfer:
		return backup.Transfer(p.device, int64(p.mib), c.tool, hop, p.file), nil
	case sendRaw:
		return backup.SendRaw(p.device, int64(p.mib), c.tool, hop, p.file), nil
	case receiveRaw:
		return backup.ReceiveRaw(p.file, c.tool, hop, p.device), nil
	}
	uri := ""
	extra := osdef.ExportOf(p.index, p.device, uri)
	if c.script == "import" {
		extra = osdef.ImportOf(p.index, p.device, uri)
	}
	vars, err := c.os.environment(ctx, c.env, c.found, c.inst, extra)
	if err != nil {
		return remote.Cmd{}, err
	}
	s := backup.Script{Dir: c.found.Path, Log: fmt.Sprintf("%s-%s-%s-disk%d", c.script, c.inst.OS, c.inst.Name, p.index), Env: osdef.Assignments(vars)}
	if c.script == "import" {
		return backup.Receive(s, c.tool, hop, p.file), nil
	}
	return backup.Send(s, c.tool, hop, p.file), nil
}

// devices are where disks are on a node, by UUID, on which they are attached.
func devices(disks []*config.Disk, node string) []string {
	var all []string
	for _, d := range disks {
		all = append(all, disk.Device(d, node))
	}
	return all
}
