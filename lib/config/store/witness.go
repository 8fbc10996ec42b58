package store

import (
	_ "embed"

	"gantry/lib/remote"
)

//go:embed witness.sh
var witnessScript string

// Witness asks a node which configuration it knows, in a round trip that is made for something else: what only looks does not ask
// the fence, and would show an old master's state without a word.
func Witness(dir string) remote.Cmd { return remote.Script(witnessScript, dir) }

// Testify returns a *Fenced if a node knows a later epoch than the one given. What cannot be read says nothing.
func Testify(node string, out []byte, epoch int64) error {
	h, err := parseHeader(out)
	if err != nil || h.Epoch <= epoch {
		return nil
	}
	return &Fenced{Node: node, Theirs: h, Epoch: epoch}
}
