package drbd

import (
	"context"
	"strings"

	"gantry/lib/remote"
	"gantry/lib/unit"
)

// recordedScript reads what the metadata says of data that is there.
const recordedScript = `# recorded.sh DATA META DEVICE
[ -b "$1" ] || { echo "$1 is not there" >&2; exit 1; }
exec drbdmeta "$3" v08 "$2" flex-external get-gi`

func (d Device) recorded() remote.Cmd { return remote.Script(recordedScript, d.Data, d.Meta, d.Path()) }

// Recorded is the state that the data of a device which is not set up had when it last was: UpToDate, Outdated or Inconsistent. That
// of new metadata is Inconsistent.
func (d Device) Recorded(ctx context.Context, r remote.Runner, node string) (string, error) {
	out, err := r.Run(ctx, node, d.recorded())
	if err != nil {
		return "", d.named(err, "can't read the meta device")
	}
	state, ok := ParseRecorded(out.Stdout)
	if !ok {
		return "", d.broken("Invalid output from drbdmeta: '%s'", strings.TrimSpace(string(out.Stdout)))
	}
	return state, nil
}

// Four identifiers of generations, then flags: the data is consistent, it was up to date, and five more.
var recordedForm = unit.Form(`(?m)^(?:[0-9A-F]{16}:){4}([01]):([01])(?::[01]){5,}$`)

// ParseRecorded reads what drbdmeta tells of a device's generations.
func ParseRecorded(out []byte) (state string, ok bool) {
	found := recordedForm().FindAllSubmatch(out, 2)
	if len(found) != 1 {
		return "", false
	}
	switch consistent, upToDate := found[0][1][0] == '1', found[0][2][0] == '1'; {
	case !consistent:
		return "Inconsistent", true
	case !upToDate:
		return "Outdated", true
	}
	return "UpToDate", true
}
