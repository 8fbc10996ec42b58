package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// realConfig is the configuration of a real cluster, with the identity that the store gives.
func realConfig(t testing.TB) *config.Config {
	t.Helper()
	data, err := os.ReadFile("../testdata/config.data.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.FromGaneti(data)
	if err != nil {
		t.Fatal(err)
	}
	c.Format, c.MinReader, c.Epoch, c.Serial, c.Master = Format, minReader, 1, 38, "node1.example.com"
	return c
}

// bigConfig is a configuration of n instances with 3 disks and 2 interfaces each, on n/25 nodes.
func bigConfig(t testing.TB, n int) *config.Config {
	c := realConfig(t)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	uuid := func() string {
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", random.Uint32(), random.Uint32N(1<<16), random.Uint32N(1<<12), random.Uint32N(1<<12), random.Uint64N(1<<48))
	}
	for i := len(c.Nodes); i < n/25; i++ {
		node := *c.Nodes[len(c.Nodes)-1]
		node.UUID, node.Name, node.MasterCandidate = uuid(), fmt.Sprintf("node%d.example.com", i+1), false
		node.PrimaryIP, node.SecondaryIP = fmt.Sprintf("10.7.%d.%d", i/250, i%250+1), fmt.Sprintf("10.8.%d.%d", i/250, i%250+1)
		c.Nodes = append(c.Nodes, &node)
	}
	for i := range n {
		c.Instances = append(c.Instances, bigInstance(c, i, uuid))
	}
	return c
}

func bigInstance(c *config.Config, i int, uuid func() string) *config.Instance {
	a, b := c.Nodes[i%len(c.Nodes)], c.Nodes[(i+1)%len(c.Nodes)]
	inst := &config.Instance{
		UUID: uuid(), Name: fmt.Sprintf("big-%d.example.com", i), PrimaryNode: a.UUID, OS: "debootstrap+bookworm", Hypervisor: "kvm",
		AdminState: "up", AdminStateSource: "admin", DisksActive: true, Tags: []string{"service:web", "owner:team-42"},
		BEParams: config.Params{"maxmem": int64(8192), "minmem": int64(8192), "vcpus": int64(4)},
		HVParams: config.Params{"kernel_path": "", "disk_cache": "none"},
		Stamp:    config.Stamp{SerialNo: 3, CTime: 1795329361.349083, MTime: 1795329364.439375},
	}
	for n := range 2 {
		inst.NICs = append(inst.NICs, config.NIC{UUID: uuid(), MAC: fmt.Sprintf("aa:00:%02x:%02x:%02x:%02x", n, i>>16, i>>8&255, i&255),
			NICParams: config.Params{"mode": "bridged", "link": "br0", "vlan": "4000"}})
	}
	for d := range 3 {
		minor := int64(3*i + d)
		disk := &config.Disk{UUID: uuid(), DevType: config.DTDRBD, IVName: fmt.Sprintf("disk/%d", d), Size: 10240, Mode: "rw",
			LogicalID: config.LogicalID{a.UUID, b.UUID, 15000 + minor, minor, minor, "0123456789abcdef0123456789abcdef01234567"},
			Nodes:     []string{a.UUID, b.UUID}, Stamp: inst.Stamp}
		c.Disks = append(c.Disks, disk)
		inst.Disks = append(inst.Disks, disk.UUID)
	}
	return inst
}

func encoded(t testing.TB, c *config.Config) []byte {
	t.Helper()
	text, _, err := encode(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheFileIsReadBackAsItWasWritten(t *testing.T) {
	c := realConfig(t)
	minor := 4
	c.Reservations = []*config.Reservation{{Job: 12, Node: c.Nodes[0].UUID, VG: "xenvg", MiB: 1024, Minor: &minor, Name: "new.example.com"}}
	c.Cluster.HVParams["kvm"]["kvm_extra"] = "-device x,a='1'\n\"quoted\" \\ ünï\t"
	text := encoded(t, c)
	got, err := decode("config.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	if again := encoded(t, got); string(again) != string(text) {
		t.Errorf("written again it differs:\n%s\nfrom\n%s", again, text)
	}
	if !reflect.DeepEqual(got.Reservations, c.Reservations) || got.Cluster.HVParams["kvm"]["kvm_extra"] != c.Cluster.HVParams["kvm"]["kvm_extra"] {
		t.Errorf("reservations or texts changed: %+v", got.Reservations[0])
	}
	before, _ := c.Clone().Ganeti()
	after, _ := got.Ganeti()
	if string(before) != string(after) {
		t.Errorf("got  %s\nwant %s", after, before)
	}
}

func TestTheFileIsWrittenInPiecesAsInOne(t *testing.T) {
	full := bigConfig(t, 2*pieceSize+1)
	full.Filters = []*config.Filter{{UUID: "f", Predicates: `[["jobid"]]`}}
	full.Reservations = []*config.Reservation{{Job: 12, Name: "new.example.com"}}
	bare := realConfig(t)
	bare.Instances, bare.Disks, bare.Networks, bare.Filters = nil, nil, nil, nil
	for name, c := range map[string]*config.Config{"full": full, "real": realConfig(t), "bare": bare} {
		if got, want := string(encoded(t, c)), inOne(t, c); got != want {
			t.Errorf("%s: in pieces\n%s\nin one\n%s", name, got, want)
		}
	}
}

// inOne is the text of a configuration as the encoder writes it in one go.
func inOne(t testing.TB, c *config.Config) string {
	text, err := toml.Marshal(struct {
		*config.Config
		End end `toml:"end"`
	}{c, endOf(c)})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.TrimSuffix(string(text), noDigest)
	return fmt.Sprintf("%sdigest = '%x'\n", body, sha256.Sum256([]byte(body)))
}

func TestTheHeaderIsReadWithoutTOML(t *testing.T) {
	c := realConfig(t)
	c.Parent = strings.Repeat("ab", 32)
	text, digest, err := encode(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := parseHeader(text)
	want := Header{Format: Format, MinReader: minReader, Epoch: 1, Serial: 38, Parent: c.Parent, Master: "node1.example.com", Digest: digest}
	if err != nil || h != want {
		t.Errorf("parseHeader = %+v, %v\nwant %+v", h, err, want)
	}
	if !strings.HasPrefix(string(text), "format = 1\nmin_reader = 1\nepoch = 1\nserial = 38\nparent = 'abab") {
		t.Errorf("the first lines are\n%.200s", text)
	}
}

func TestEveryCutFileIsRefused(t *testing.T) {
	text := encoded(t, realConfig(t))
	for n := 0; n < len(text); n += 97 {
		if _, err := decode("config.toml", text[:n]); err == nil {
			t.Fatalf("a file cut after %d of %d bytes was read", n, len(text))
		}
	}
}

func TestDamageIsNamedWithFileAndLine(t *testing.T) {
	text := string(encoded(t, realConfig(t)))
	for name, tt := range map[string]struct {
		text string
		line int
		says string
	}{
		"empty":            {"", 1, "ends before"},
		"cut in a string":  {text[:strings.Index(text, "mac_prefix = 'aa:00:00'")+17], 1 + strings.Count(text[:strings.Index(text, "mac_prefix")], "\n"), "unterminated"},
		"no header":        {"x = 1\n" + text, 1, `"format = …"`},
		"epoch no number":  {strings.Replace(text, "epoch = 1", "epoch = one", 1), 3, "epoch"},
		"broken TOML":      {strings.Replace(text, "mac_prefix = 'aa:00:00'", "mac_prefix = 'aa:00:00", 1), 1 + strings.Count(text[:strings.Index(text, "mac_prefix")], "\n"), "literal strings cannot have new lines"},
		"changed value":    {strings.Replace(text, "aa:00:00:4c:53:4c", "aa:00:00:4c:53:4d", 1), strings.Count(text, "\n"), "digest"},
		"an object erased": {strings.Replace(text, "nodes = 4\n", "nodes = 5\n", 1), strings.Count(text, "\n"), "counts"},
		"text after it":    {text + "x = 1\n", strings.Count(text, "\n") + 1, "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode("/var/lib/ganeti/config.toml", []byte(tt.text))
			var d *Damaged
			if !errors.As(err, &d) {
				t.Fatalf("decode = %v, want damage", err)
			}
			if d.Line != tt.line || !strings.Contains(d.Err.Error(), tt.says) {
				t.Errorf("line %d: %v\nwant line %d and %q", d.Line, d.Err, tt.line, tt.says)
			}
			if !strings.HasPrefix(err.Error(), "/var/lib/ganeti/config.toml, line ") || !strings.Contains(err.Error(), "Every master candidate has a copy") {
				t.Errorf("the error does not say where and what to do: %v", err)
			}
			if _, status := fault.Text(err); status != 2 || strings.Contains(err.Error(), "aa:00") {
				t.Errorf("status %d, or a piece of the file, which may be secret, in %v", status, err)
			}
		})
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	c := realConfig(t)
	c.Format, c.MinReader = Format+1, Format+1
	_, err := decode("config.toml", encoded(t, c))
	var n *NewerFormat
	if !errors.As(err, &n) || n.Format != Format+1 {
		t.Errorf("decode = %v, want a refusal of format %d", err, Format+1)
	}
	c.MinReader = Format // newer, but this program may read it
	if _, err := decode("config.toml", encoded(t, c)); err != nil {
		t.Errorf("decode of a newer format that old programs may read: %v", err)
	}
}

// Guards against a decoder that looks at all that was read for every object, as go-toml 2.4 does.
func TestReadingIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	small, large := encoded(t, bigConfig(t, 1000)), encoded(t, bigConfig(t, 2000))
	once := func(text []byte) time.Duration {
		best := time.Hour
		for range 3 {
			start := cpuTime(t)
			if _, err := decode("config.toml", text); err != nil {
				t.Fatal(err)
			}
			best = min(best, cpuTime(t)-start)
		}
		return best
	}
	if a, b := once(small), once(large); b > 3*a {
		t.Errorf("1000 instances took %v, 2000 took %v", a, b)
	}
}

// cpuTime is what this process has used of processors: unlike a clock it does not count what others on the machine do.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			text := encoded(b, bigConfig(b, n))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := decode("config.toml", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := bigConfig(b, n)
			for b.Loop() {
				text := encoded(b, c)
				b.SetBytes(int64(len(text)))
			}
		})
	}
}

func BenchmarkValidate(b *testing.B) {
	c := bigConfig(b, 5000)
	for b.Loop() {
		c.Validate()
	}
}

func BenchmarkClone(b *testing.B) {
	c := bigConfig(b, 5000)
	for b.Loop() {
		c.Clone()
	}
}
