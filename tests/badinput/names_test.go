package badinput

import (
	"fmt"
	"strings"
	"testing"

	"gantry/lib/remote"
	"gantry/tests/lab"
)

// hostile are texts that would do something if anything on the way to a node, or there, took them for more than a text.
var hostile = []string{
	"$(touch /pwned)", "`touch /pwned`", "a;touch /pwned", "a\ntouch /pwned", "a' 'b", `a"b`, "a\\", "../../pwned", "/pwned", "a/b", "-rf", "--help",
	"a b", "a\tb", "a\x01b", "a\xffb", "a\u202eb", "{a,b}", "*", "~root", "!!", "%s%n", "a&b", "a|b", "a>pwned", "#", "", ".", "..", strings.Repeat("a", 300),
}

// commands take a text in each place where an operator can give one. What is refused is refused before anything changes.
var commands = []func(text string) []string{
	func(s string) []string { return add("-o", "noop", "--", s) },
	func(s string) []string { return add("-o", s, "web.example.com") },
	func(s string) []string { return add("-o", "noop+"+s, "web.example.com") },
	func(s string) []string { return add("-o", "noop", "-H", "fake:"+s+"=1", "web.example.com") },
	func(s string) []string {
		return add("-o", "noop", "--net", "0:link="+s, "--net", "0:mac="+s, "web.example.com")
	},
	func(s string) []string { return add("-o", "noop", "-I", s, "web.example.com") },
	func(s string) []string {
		return args("gnt-instance", "add", "-t", "file", "-s", "1m", "--file-storage-dir="+s, "-n", "node1", "-o", "noop", "-H", "fake", "--no-name-check", "--no-ip-check", "web.example.com")
	},
	func(s string) []string { return args("gnt-instance", "remove", "-f", "--", s) },
	func(s string) []string { return args("gnt-instance", "startup", "--", s) },
	func(s string) []string { return args("gnt-cluster", "add-tags", "--", s+" ") },
	func(s string) []string { return args("gnt-cluster", "modify", "-H", "kvm:kernel_path=relative/"+s) },
	func(s string) []string { return args("gnt-cluster", "modify", "-H", "kvm:migration_port="+s) },
	func(s string) []string { return args("gnt-node", "modify", "--secondary-ip="+s, "node2") },
	func(s string) []string { return args("gnt-node", "add", "--", s) },
	func(s string) []string { return args("gnt-network", "add", "--network="+s, "net2") },
	func(s string) []string { return args("gnt-os", "modify", "-H", "fake:"+s+"=1", "noop") },
}

// Where in the list the text is the name of a new instance, a variant of an OS that has none, and an allocator that is not needed.
const asName, asVariant, asAllocator = 0, 2, 5

func add(words ...string) []string {
	return append(args("gnt-instance", "add", "-t", "diskless", "-n", "node1", "-H", "fake", "--no-name-check", "--no-ip-check"), words...)
}

func TestNamesThatWouldBreakOut(t *testing.T) {
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-network", "gnt-job", "gnt-os")})
	l.Init(t, 2)
	const state = "sha256sum </var/lib/ganeti/config.toml; ls -d /*pwned* /root/*pwned* 2>/dev/null; true"
	before := l.Must(t, "node1", state)
	for i, command := range commands {
		for _, text := range hostile {
			words := command(text)
			if i == asName && strings.HasPrefix(text, "-") || (i == asVariant || i == asAllocator) && text == "" {
				continue // Ganeti takes these, and they do no harm
			}
			t.Run(fmt.Sprintf("%d/%.20q", i, text), func(t *testing.T) {
				got := l.Run("node1", remote.Quote(words...))
				if got.Status == 0 {
					t.Errorf("%q is taken: %s", words, got.Stdout)
				}
				if strings.Contains(got.Stderr, "panic") || strings.Contains(got.Stderr, "internal error") {
					t.Errorf("%q: %s", words, got.Stderr)
				}
			})
		}
		if after := l.Must(t, "node1", state); after != before {
			t.Errorf("%q: something has changed:\n%s\nwas\n%s", command("TEXT"), after, before)
			before = after
		}
	}
	for _, node := range []string{"node1", "node2"} {
		if found := l.Must(t, node, "find / -xdev -name '*pwned*' -not -path '/proc/*' 2>/dev/null; true"); found != "" {
			t.Errorf("%s has %s", node, found)
		}
	}
}
