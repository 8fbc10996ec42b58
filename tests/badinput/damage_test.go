package badinput

import (
	"strings"
	"testing"

	"gantry/lib/remote"
	"gantry/tests/lab"
)

// damages are what may have happened to the configuration's file, as shell texts that write it anew from "good", and what is said of it.
var damages = map[string]struct{ make, says string }{
	"empty":             {": ", "config.toml, line 1: "},
	"cut in the header": {"head -c 30 good", "config.toml, line 3: "},
	"cut in a line":     {"head -c 3001 good", "config.toml, line "},
	"cut after a line":  {"head -n 60 good", "config.toml, line 60: "},
	"the last line":     {"head -n -1 good", "the file is cut off: its last line is not the digest"},
	"a changed value":   {"sed 's/^mac_prefix = .*/mac_prefix = '\"'aa:00:01'/\" good", "the digest in the last line does not fit"},
	"no TOML":           {"sed '20s/=/+/' good", "config.toml, line 20: "},
	"not text":          {"head -c 5000 /dev/zero", "config.toml, line 1: "},
	"a newer format":    {"sed 's/^min_reader = .*/min_reader = 99/; s/^format = .*/format = 99/' good", "format 99"},
}

func TestADamagedConfigurationIsNamedAndKept(t *testing.T) {
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-network", "gnt-job")})
	l.Init(t, 2)
	const state = "sha256sum </var/lib/ganeti/config.toml"
	theirs := l.Must(t, "node2", state)
	l.Must(t, "node1", "cp -a /var/lib/ganeti/config.toml /var/lib/ganeti/good")
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			l.Must(t, "node1", "cd /var/lib/ganeti && { "+d.make+"; } >config.toml")
			before := l.Must(t, "node1", state)
			for _, words := range [][]string{
				args("gnt-cluster", "add-tags", "a"), args("gnt-instance", "list"), args("gnt-instance", "list", "-o", "name"), args("gnt-node", "modify", "-D", "yes", "node2"),
				args("gnt-cluster", "redist-conf"), args("gnt-network", "add", "--network=10.0.0.0/24", "n"), diskless(newOne), args("gnt-cluster", "verify"),
			} {
				got := l.Run("node1", remote.Quote(words...))
				if got.Status == 0 || !strings.Contains(got.Stderr, "/var/lib/ganeti/config.toml") || !strings.Contains(got.Stderr, d.says) || strings.Contains(got.Stderr, "panic") {
					t.Errorf("%q: status %d, %q", words, got.Status, got.Stderr)
				}
			}
			if after := l.Must(t, "node1", state); after != before {
				t.Error("what lay there was written over")
			}
			if after := l.Must(t, "node2", state); after != theirs {
				t.Error("the candidate's copy was changed")
			}
		})
	}
	l.Must(t, "node1", "cp -a /var/lib/ganeti/good /var/lib/ganeti/config.toml && gnt-cluster add-tags mended")
}
