package drbd

import (
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var disk0 = Device{Minor: 0, Data: "/dev/vg_ganeti/3169.disk0_data", Meta: "/dev/vg_ganeti/3169.disk0_meta", MiB: 128,
	Local: "198.51.100.11", Remote: "198.51.100.12", Port: 11010, Secret: "c6d0c6f5"}

var (
	defaults = config.DiskTable(config.DTDRBD).Defaults()
	recorded = config.Params{"disk-custom": "--c-plan-ahead 0", "net-custom": "--verify-alg sha1 --max-buffers 8k"}.Fill(defaults)
)

// The lines are those that Ganeti was recorded to run; the secret alone travels otherwise.
func TestCommands(t *testing.T) {
	line := func(c remote.Cmd) string { return remote.Quote(c.Argv...) }
	script := func(c remote.Cmd) string { return strings.Join(c.Argv[4:], " ") }
	six, whole := disk0, disk0
	whole.MiB = 0
	six.Local, six.Remote = "2001:db8::1", "2001:db8::2"
	for name, tt := range map[string]struct{ got, want string }{
		"size":         {line(disk0.getSize()), "blockdev --getsize /dev/vg_ganeti/3169.disk0_meta"},
		"read":         {line(disk0.readMeta()), "dd if=/dev/vg_ganeti/3169.disk0_meta of=/dev/null bs=4096 count=32 iflag=direct"},
		"zero":         {line(disk0.zeroMeta()), "dd if=/dev/zero of=/dev/vg_ganeti/3169.disk0_meta bs=1048576 count=128 oflag=direct"},
		"create":       {line(disk0.createMeta(0)), "drbdmeta --force /dev/drbd0 v08 /dev/vg_ganeti/3169.disk0_meta flex-external create-md"},
		"create as":    {line(disk0.createMeta(1)), "drbdmeta --force /dev/drbd1 v08 /dev/vg_ganeti/3169.disk0_meta flex-external create-md"},
		"new resource": {line(disk0.newResource()), "drbdsetup new-resource resource0"},
		"new minor":    {line(disk0.newMinor()), "drbdsetup new-minor resource0 0 0"},
		"apply":        {line(disk0.applyLog()), "drbdmeta /dev/drbd0 v08 /dev/vg_ganeti/3169.disk0_meta flex-external apply-al"},
		"attach": {line(disk0.attach(recorded)), "drbdsetup attach 0 /dev/vg_ganeti/3169.disk0_data /dev/vg_ganeti/3169.disk0_meta flexible " +
			"--on-io-error=detach --size 128m --c-plan-ahead 0"},
		"outdate":  {line(disk0.outdate()[1]), "drbdmeta /dev/drbd0 v08 /dev/vg_ganeti/3169.disk0_meta flex-external outdate"},
		"any size": {line(whole.attach(defaults)), "drbdsetup attach 0 /dev/vg_ganeti/3169.disk0_data /dev/vg_ganeti/3169.disk0_meta flexible --on-io-error=detach"},
		"barriers": {line(disk0.attach(config.Params{"meta-barriers": true, "disk-barriers": "bfd"}.Fill(defaults))), "drbdsetup attach 0 /dev/vg_ganeti/3169.disk0_data " +
			"/dev/vg_ganeti/3169.disk0_meta flexible --on-io-error=detach --size 128m --md-flushes=no --disk-flushes=no --disk-drain=no --disk-barrier=no"},
		"rate": {line(disk0.diskOptions(recorded)), "drbdsetup disk-options 0 --resync-rate 61440"},
		"controller": {line(disk0.diskOptions(config.Params{"dynamic-resync": true}.Fill(defaults))),
			"drbdsetup disk-options 0 --c-plan-ahead 20 --c-fill-target 0 --c-delay-target 1 --c-max-rate 61440 --c-min-rate 4096"},
		"connect": {script(disk0.connect(recorded, OnePrimary)), "resource0 ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010 --protocol C --after-sb-0pri discard-zero-changes " +
			"--after-sb-1pri consensus --cram-hmac-alg md5 --verify-alg sha1 --max-buffers 8k"},
		"both primary": {script(disk0.connect(config.Params{"protocol": "A"}.Fill(defaults), TwoPrimaries)), "resource0 ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010 --protocol C " +
			"--after-sb-0pri discard-zero-changes --after-sb-1pri consensus --allow-two-primaries --cram-hmac-alg md5"},
		"IPv6":       {script(six.connect(config.Params{"protocol": "A"}.Fill(defaults), OnePrimary))[:70], "resource0 ipv6:[2001:db8::1]:11010 ipv6:[2001:db8::2]:11010 --protocol A"[:70]},
		"disconnect": {line(disk0.disconnect()), "drbdsetup disconnect ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010"},
		"primary":    {line(disk0.primary()), "drbdsetup primary 0"},
		"down":       {line(disk0.down()), "drbdsetup down resource0"},
		"recorded":   {script(disk0.recorded()), "/dev/vg_ganeti/3169.disk0_data /dev/vg_ganeti/3169.disk0_meta /dev/drbd0"},
		"show":       {line(disk0.show()), "drbdsetup show 0"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, tt.got, tt.want)
		}
	}
}

func TestSecretIsInNoCommandLine(t *testing.T) {
	c := disk0.connect(recorded, OnePrimary)
	if strings.Contains(c.Line()+c.Changes, disk0.Secret) || string(c.Stdin) != disk0.Secret+"\n" || !c.Secret {
		t.Errorf("connect %s, stdin %q, secret %v", c.Line(), c.Stdin, c.Secret)
	}
}

func TestCustomWords(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "  ": "", "--a 1  --b": "--a|1|--b", `--a 'x y' "z\"w"`: `--a|x y|z"w`, `a\ b ''`: "a b|",
	} {
		if got := strings.Join(words(text), "|"); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"'", `"a`, `a\`} {
		if err := CheckParams(config.Params{"net-custom": text}.Fill(defaults)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if err := CheckParams(config.Params{"dynamic-resync": true, "c-plan-ahead": int64(0)}.Fill(defaults)); err == nil {
		t.Error("a controller that looks nowhere ahead is taken")
	}
	if err := CheckParams(recorded); err != nil {
		t.Error(err)
	}
}

const (
	procLine   = "node1: sh -c '[ ! -e /proc/drbd ] || cat /proc/drbd' sh"
	showLine   = "node1: drbdsetup show 0"
	newLine    = "node1: drbdsetup new-resource resource0"
	minorNew   = "node1: drbdsetup new-minor resource0 0 0"
	applyLine  = "node1: drbdmeta /dev/drbd0 v08 /dev/vg_ganeti/3169.disk0_meta flex-external apply-al"
	attachLine = "node1: drbdsetup attach 0 /dev/vg_ganeti/3169.disk0_data /dev/vg_ganeti/3169.disk0_meta flexible --on-io-error=detach --size 128m"
	rateLine   = "node1: drbdsetup disk-options 0 --resync-rate 61440"
	joinLine   = "node1: connect.sh resource0 ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010 --protocol C --after-sb-0pri discard-zero-changes --after-sb-1pri consensus --cram-hmac-alg md5"
	partLine   = "node1: drbdsetup disconnect ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010"
	noMinor    = "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: F73C\n"
)

func minor0(state string) string { return noMinor + " 0: " + state + " C r-----\n    ns:0 nr:0\n" }

const (
	hostsShown = "    _remote_host {\n        address\t\t\tipv4 198.51.100.12:11010;\n    }\n"
	thisShown  = "        address\t\t\tipv4 198.51.100.11:11010;\n"
	disksShown = "            disk\t\t\t\"/dev/vg_ganeti/3169.disk0_data\";\n            meta-disk\t\t\t\"/dev/vg_ganeti/3169.disk0_meta\";\n            disk {\n                size            \t262144s; # bytes\n            }\n"
)

// shown is what drbdsetup says of the device.
func shown(attached, networked bool) string {
	remote, this, disks := "", "", ""
	if networked {
		remote, this = hostsShown, thisShown
	}
	if attached {
		disks = disksShown
	}
	return "resource resource0 {\n    options {\n    }\n    net {\n        shared-secret   \t\"c6d0\";\n    }\n" + remote +
		"    _this_host {\n" + this + "        volume 0 {\n            device\t\t\tminor 0;\n" + disks + "        }\n    }\n}\n"
}

func TestAssembleFromEveryState(t *testing.T) {
	for name, tt := range map[string]struct {
		script func(*remotetest.Fake)
		want   string
	}{
		"not there": {func(f *remotetest.Fake) {
			f.Answer(procLine, noMinor).Answer(newLine, "").Answer(minorNew, "").Answer(applyLine, "").Answer(attachLine, "").Answer(rateLine, "").
				Answer(newLine, "").Answer(minorNew, "").Answer(joinLine, "").Answer(showLine, shown(true, true))
		}, ""},
		"all there": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate")).Answer(showLine, shown(true, true))
		}, ""},
		"alone": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown")).Answer(showLine, shown(true, false)).
				Answer(newLine, "").Answer(minorNew, "").Answer(joinLine, "").Answer(showLine, shown(true, true)).
				Answer(procLine, minor0("cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown")).Answer(showLine, shown(true, true))
		}, ""},
		"diskless": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:Connected ro:Primary/Secondary ds:Diskless/UpToDate")).Answer(showLine, shown(false, true)).
				Answer(newLine, "").Answer(minorNew, "").Answer(applyLine, "").Answer(attachLine, "").Answer(rateLine, "").
				Answer(procLine, minor0("cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate")).Answer(showLine, shown(true, true))
		}, ""},
		"given up after a split brain": {func(f *remotetest.Fake) {
			standalone := minor0("cs:StandAlone ro:Secondary/Unknown ds:UpToDate/DUnknown")
			f.Answer(procLine, standalone).Answer(showLine, shown(true, true)).
				Answer(procLine, standalone).Answer(showLine, shown(true, true)).Answer(partLine, "").Answer(procLine, standalone).
				Answer(newLine, "").Answer(minorNew, "").Answer(joinLine, "").Answer(showLine, shown(true, true))
		}, ""},
		"left by a migration": {func(f *remotetest.Fake) {
			waits, alone := "cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown", "cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown"
			f.Answer(procLine, minor0(waits)).Answer(showLine, strings.Replace(shown(true, true), "net {", "net {\n allow-two-primaries yes;", 1)).
				Answer(procLine, minor0(waits)).Answer(partLine, "").Answer(procLine, minor0(alone)).
				Answer(newLine, "").Answer(minorNew, "").Answer(joinLine, "").Answer(showLine, shown(true, true))
		}, ""},
		"in a migration": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:Connected ro:Primary/Primary ds:UpToDate/UpToDate")).
				Answer(showLine, strings.Replace(shown(true, true), "net {", "net {\n allow-two-primaries yes;", 1))
		}, ""},
		"another's volumes": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:StandAlone ro:Secondary/Unknown ds:UpToDate/DUnknown")).
				Answer(showLine, strings.ReplaceAll(shown(true, false), "3169", "9999"))
		}, "drbd0: cannot activate, unknown or unhandled reason"},
		"another peer": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown")).
				Answer(showLine, strings.ReplaceAll(shown(true, true), "100.12", "100.13")).
				Answer("node1: drbdsetup disconnect ipv4:198.51.100.11:11010 ipv4:198.51.100.13:11010", "").
				Answer(newLine, "").Answer(minorNew, "").Answer(joinLine, "").Answer(showLine, shown(true, true)).
				Answer(procLine, minor0("cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate")).Answer(showLine, shown(true, true))
		}, ""},
		"attach fails": {func(f *remotetest.Fake) {
			f.Answer(procLine, noMinor).Answer(newLine, "").Answer(minorNew, "").Fail(applyLine, 20, "no valid meta data found\n")
		}, "drbd0: can't attach local disk: no valid meta data found"},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := remotetest.New(t).InOrder()
			tt.script(nodes)
			err := disk0.Assemble(t.Context(), nodes, "node1", defaults)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// Only the node itself can say that there is nothing to be made unwritable.
func TestASideThatIsNotSetUpIsUnwritableAndAlone(t *testing.T) {
	const closeLine = "node1: drbdsetup secondary 0"
	for name, tt := range map[string]struct {
		script func(*remotetest.Fake)
		fails  bool
	}{
		"not set up": {func(f *remotetest.Fake) { f.Answer(procLine, noMinor) }, false},
		"no DRBD":    {func(f *remotetest.Fake) { f.Answer(procLine, "") }, false},
		"set up": {func(f *remotetest.Fake) {
			f.Answer(procLine, minor0("cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate"))
		}, true},
		"nobody knows":  {func(f *remotetest.Fake) { f.Unknown(procLine) }, true},
		"odd /proc":     {func(f *remotetest.Fake) { f.Answer(procLine, " 0: cs:\n") }, true},
		"asking failed": {func(f *remotetest.Fake) { f.Fail(procLine, 1, "") }, true},
	} {
		nodes := remotetest.New(t).InOrder().Fail(closeLine, 10, "0: Failure: (127) Device minor not allocated\n")
		tt.script(nodes)
		if err := disk0.Secondary(t.Context(), nodes, "node1"); (err != nil) != tt.fails {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := disk0.Secondary(t.Context(), remotetest.New(t).Unknown(closeLine), "node1"); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("lost on the way: %v", err)
	}
	if err := disk0.Disconnect(t.Context(), remotetest.New(t).Answer(procLine, noMinor), "node1"); err != nil {
		t.Errorf("disconnecting: %v", err)
	}
	if err := disk0.Disconnect(t.Context(), remotetest.New(t).Unknown(procLine), "node1"); err == nil {
		t.Error("nobody knows, and it was disconnected")
	}
}

func TestFormatChecksTheSize(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: blockdev --getsize /dev/vg_ganeti/3169.disk0_meta", "131072\n")
	if err := disk0.Format(t.Context(), nodes, "node1", 0); err == nil || err.Error() != "drbd0: Meta device too small (64.00Mib)" {
		t.Errorf("%v", err)
	}
}

func TestDisconnectAsksAgainWhereThePeerDoesSoAtTheSameTime(t *testing.T) {
	shortest = time.Millisecond
	connected := minor0("cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate")
	alone := minor0("cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown")
	nodes := remotetest.New(t).InOrder().
		Answer(procLine, connected).Fail(partLine, 17, "??: State change failed: (-2) Need access to UpToDate data\n").Answer(procLine, connected).
		Answer(procLine, connected).Answer(partLine, "").Answer(procLine, alone)
	if err := disk0.Disconnect(t.Context(), nodes, "node1"); err != nil {
		t.Error(err)
	}
	if err := disk0.Disconnect(t.Context(), remotetest.New(t).Answer(procLine, connected).Unknown(partLine), "node1"); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("lost on the way: %v", err)
	}
	defer func(before time.Duration) { disconnectLimit = before }(disconnectLimit)
	disconnectLimit, shortest = 200*time.Millisecond, 300*time.Millisecond
	nodes = remotetest.New(t).Answer(procLine, connected).Answer(procLine, connected).Answer(procLine, connected).Fail(partLine, 17, "??: State change failed: (-2) Need access to UpToDate data\n")
	if err := disk0.Disconnect(t.Context(), nodes, "node1"); err == nil || err.Error() != "drbd0: can't shutdown network: ??: State change failed: (-2) Need access to UpToDate data" {
		t.Errorf("refused again and again: %v", err)
	}
}

func TestReconnectWaitsForBothSides(t *testing.T) {
	shortest = time.Millisecond
	both := joinLine[:strings.Index(joinLine, " --cram")] + " --allow-two-primaries --cram-hmac-alg md5"
	nodes := remotetest.New(t).InOrder().
		Answer(procLine, minor0("cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown")).
		Answer(newLine, "").Answer(minorNew, "").Answer(both, "").Answer(showLine, shown(true, true)).
		Answer(procLine, minor0("cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown")).
		Answer(procLine, minor0("cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent")).
		Answer(procLine, minor0("cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate"))
	if err := disk0.Reconnect(t.Context(), nodes, "node1", defaults, TwoPrimaries); err != nil {
		t.Error(err)
	}
}

func TestReconnectRefusesAConnectedDevice(t *testing.T) {
	nodes := remotetest.New(t).Answer(procLine, minor0("cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate"))
	if err := disk0.Reconnect(t.Context(), nodes, "node1", defaults, OnePrimary); err == nil {
		t.Error("a device that is not alone was connected anew")
	}
}
