package backup

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"path"
	"slices"
	"strings"
	"time"

	"gantry/lib/remote"
)

// Key lets a node on to another one for a single copy, where sshd forwards no agent that the master's key could be lent over. The other
// node takes it for the one command, and for as long as a login may take.
type Key struct {
	id           string // of the copy, as durable work
	file, public []byte
}

// NewKey makes one.
func NewKey(id string) (Key, error) {
	file, public, err := remote.NewKey()
	return Key{id, file, public}, err
}

//go:embed admit.sh
var admitScript string

// Over is the way over hop with the key.
func (k Key) Over(hop []string) []string {
	return slices.Insert(slices.Clone(hop), 1, "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oIdentityFile="+keyFile(k.id))
}

// Lend has the other node take the key for what c runs there, and gives it to the node of c. Withdraw has to follow on both, whatever
// becomes of this.
func (k Key) Lend(ctx context.Context, r remote.Runner, node, other string, c *remote.Cmd) error {
	c.LendKey = false
	if _, err := r.Run(ctx, other, k.admit(c.Argv[len(c.Argv)-1])); err != nil {
		return err
	}
	_, err := r.Run(ctx, node, k.give())
	return err
}

func (k Key) admit(command string) remote.Cmd {
	digest := sha256.Sum256([]byte(command))
	c := remote.Script(admitScript, mark(k.id), hex.EncodeToString(digest[:]))
	c.Stdin, c.Changes = k.public, "admits key "+k.id
	return c
}

func (k Key) give() remote.Cmd {
	c := remote.Script(`umask 077; mkdir -p "${1%/*}" && cat >"$1"`, keyFile(k.id))
	c.Stdin, c.Secret, c.Changes = k.file, true, "gives key "+k.id
	return c
}

// mark is the comment by which a line of authorized_keys is known.
func mark(id string) string { return marked + id }

const marked = "gantry-copy-"

// Admitted tells for which copy a line of authorized_keys was written, and until when it opens something; id is "" for all other lines.
func Admitted(line string) (id string, until time.Time) {
	_, rest, _ := strings.Cut(line, `expiry-time="`)
	digits, rest, _ := strings.Cut(rest, `"`)
	_, id, ours := strings.Cut(rest, " "+marked)
	until, err := time.ParseInLocation("200601021504", digits, time.Local)
	if !ours || err != nil {
		return "", until
	}
	return id, until
}

// keyFile is on a file system that does not outlive the node's run.
func keyFile(id string) string { return path.Join(path.Dir(remote.DefaultWorkDir), "keys", id) }

//go:embed withdraw.sh
var withdrawScript string

// Withdraw takes a key away from a node, whichever end of the copy that is.
func Withdraw(ctx context.Context, r remote.Runner, node, id string) error {
	_, err := r.Run(ctx, node, withdraw(id))
	return err
}

func withdraw(id string) remote.Cmd {
	c := remote.Script(withdrawScript, mark(id), keyFile(id))
	c.Changes = "withdraws key " + id
	return c
}

// LentKey names the key that a job's change has left on a node.
func LentKey(changes string) (id string, is bool) {
	for _, kind := range []string{"admits key ", "gives key "} {
		if id, is := strings.CutPrefix(changes, kind); is {
			return id, true
		}
	}
	return "", false
}

// Knock looks whether a node can be reached over hop from another one that has no key for it: its sshd has to say that.
func Knock(ctx context.Context, r remote.Runner, node string, hop []string) error {
	out, err := r.Run(ctx, node, knock(hop))
	if err == nil && out.Status != 0 && !strings.Contains(string(out.Stderr), "Permission denied (") {
		err = &remote.Error{Node: node, Line: knock(hop).Line(), Outcome: remote.Failed, Status: out.Status, Stderr: out.Stderr}
	}
	return err
}

func knock(hop []string) remote.Cmd {
	c := remote.Command(append(slices.Insert(slices.Clone(hop), 1, "-oPreferredAuthentications=none"), "true")...)
	c.OK = []int{255}
	return c
}
