package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gantry/tests/lab"
)

// scriptRun is one run of a script of the OS definition envdump.
type scriptRun struct {
	Script, Cwd string
	Argv        []string
	Env         map[string]string
}

// key tells what a script was run for. Node and time do not belong to it.
func (r scriptRun) key() string {
	parts := []string{r.Script}
	for _, name := range []string{"INSTANCE_NAME", "OLD_INSTANCE_NAME", "INSTANCE_OS", "OS_VARIANT", "EXPORT_INDEX", "INSTANCE_REINSTALL", "OSP_DHCP"} {
		parts = append(parts, r.Env[name])
	}
	return strings.Join(parts, " ")
}

var chance = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(:[0-9a-f]{2}){3}$|^[0-9]+\.[0-9]+$|^/dev/loop[0-9]+$`)

// variables are name=value, without what each cluster has others of: UUIDs, times, MAC addresses, numbers of loops.
func (r scriptRun) variables() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.Env)) {
		if name == "PWD" || name == "EXP_SIZE_FD" {
			continue // the shell that runs the script has added it; the number of a descriptor
		}
		all = append(all, name+"="+chance.ReplaceAllString(r.Env[name], "*"))
	}
	return all
}

// compareEnvironments holds what the scripts of the OS definition saw in the record 09-env against what they saw under Ganeti,
// variable by variable.
func compareEnvironments(t *testing.T, l *lab.Lab) {
	t.Helper()
	text, err := os.ReadFile(inSource("../../lib/osdef/testdata/os-env.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded []scriptRun
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	ours := map[string]scriptRun{}
	for n := range 4 {
		for line := range strings.Lines(l.Run(lab.Name(n+1), "cat /var/log/orc-os.jsonl").Stdout) {
			var r scriptRun
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			ours[r.key()] = r
		}
	}
	for _, want := range recorded {
		got, ran := ours[want.key()]
		if !ran {
			t.Errorf("never run: %s; run were %q", want.key(), slices.Sorted(maps.Keys(ours)))
			continue
		}
		if want.Script == "export" && got.Env["EXP_SIZE_FD"] == "" {
			t.Errorf("%s: without EXP_SIZE_FD", want.key())
		}
		if missing, extra := besides(want.variables(), got.variables()), besides(got.variables(), want.variables()); len(missing)+len(extra) > 0 {
			t.Errorf("%s: without %q, but with %q", want.key(), missing, extra)
		}
		if got.Cwd != "/usr/share/ganeti/os/envdump" || fmt.Sprint(got.Argv) != fmt.Sprint(want.Argv) {
			t.Errorf("%s: %q in %s", want.key(), got.Argv, got.Cwd)
		}
	}
}

// besides are the elements of a list that another lacks.
func besides(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
