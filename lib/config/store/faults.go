package store

import (
	"errors"
	"fmt"
	"strings"
)

// Fenced is met by a master whose epoch is over. It must not change anything any more, on any node.
type Fenced struct {
	Node   string // that has the newer configuration
	Theirs Header
	Epoch  int64 // this master's
}

func (f *Fenced) Error() string {
	return fmt.Sprintf("%s has the configuration of a later master (%s), and this one works in epoch %d: "+
		"another master has taken over. Nothing is changed from here any more; use the commands on %s",
		f.Node, f.Theirs, f.Epoch, f.Theirs.Master)
}

// NotMaster is met where another node is the master.
type NotMaster struct{ Node, Master string }

func (e *NotMaster) Error() string {
	return fmt.Sprintf("node %s is not the master: that is %s", e.Node, e.Master)
}

// Stale is met by a master whose own file is older than a candidate's of the same epoch: its disk has gone back in time.
type Stale struct {
	Node         string
	Theirs, Ours Header
}

func (e *Stale) Error() string {
	return fmt.Sprintf("%s has a newer configuration (%s) than this node (%s). Nothing was changed. "+
		"Run 'gnt-cluster master-failover' on %s, or copy its configuration here", e.Node, e.Theirs, e.Ours, e.Node)
}

// Diverged is two versions with the same epoch and serial. Nobody can say which is right, so both stop.
type Diverged struct {
	Node         string
	Theirs, Ours Header
}

func (e *Diverged) Error() string {
	return fmt.Sprintf("the configurations of %s and of this node have the same epoch and serial (%s) and are not the same "+
		"(%.12s… there, %.12s… here). Nothing is changed before one of them is removed: compare the two files, "+
		"remove the wrong one and run 'gnt-cluster redist-conf' where the right one is", e.Node, e.Theirs, e.Theirs.Digest, e.Ours.Digest)
}

// NoMajority says that too few candidates answer to know that there is no other master.
type NoMajority struct {
	Answered, Needed, Candidates int
	Silent                       []string
}

func (e *NoMajority) Error() string {
	return fmt.Sprintf("only %d of %d master candidates answer, and %d are needed to know that there is no other master; silent: %s. "+
		"If they are switched off, say so with 'gnt-node modify --offline=yes'", e.Answered, e.Candidates, e.Needed, strings.Join(e.Silent, ", "))
}

// Invalid is a change that would leave the configuration broken.
type Invalid struct{ Errs []error }

func (e *Invalid) Error() string {
	return "the change would leave a configuration that is not valid: " + strings.ReplaceAll(errors.Join(e.Errs...).Error(), "\n", "; ")
}

func (e *Invalid) Unwrap() []error { return e.Errs }
