package store

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
)

// changes are what a transaction may do.
var changes = map[string]func(c *config.Config){
	"nothing": func(*config.Config) {},
	"one instance": func(c *config.Config) {
		c.Instances[70].OSParams = config.Params{"text": "two\n\n[[disk]]\nlines\n\n[end]\n"}
	},
	"a new one in the middle": func(c *config.Config) {
		i := *c.Instances[3]
		i.UUID, i.Name = config.NewUUID(), "new.example.com"
		c.Instances = slices.Insert(c.Instances, 60, &i)
	},
	"the last ones": func(c *config.Config) {
		c.Instances[len(c.Instances)-1].AdminState = "down"
		c.Disks[len(c.Disks)-1].Size++
	},
	"one gone":           func(c *config.Config) { c.Instances = slices.Delete(c.Instances, 60, 61) },
	"two changed places": func(c *config.Config) { c.Disks[0], c.Disks[9] = c.Disks[9], c.Disks[0] },
	"all gone":           func(c *config.Config) { c.Instances, c.Disks = nil, nil },
	"all changed": func(c *config.Config) {
		for _, i := range c.Instances {
			i.SerialNo++
		}
		for _, d := range c.Disks {
			d.SerialNo++
		}
	},
	"the cluster":           func(c *config.Config) { c.Cluster.Tags = append(c.Cluster.Tags, "[end]") },
	"a node":                func(c *config.Config) { c.Nodes[2].Drained = true },
	"an empty table":        func(c *config.Config) { c.NodeGroups[0].Networks = map[string]config.Params{"x": {}} },
	"a network":             func(c *config.Config) { c.Networks = nil },
	"no filter":             func(c *config.Config) { c.Filters = nil },
	"a reservation":         func(c *config.Config) { c.Reservations = append(c.Reservations, &config.Reservation{}) },
	"an empty list for nil": func(c *config.Config) { c.Instances[5].Tags = []string{} },
}

// What is taken over from the version before is what would be written and read without it.
func TestAVersionMadeFromAnotherIsTheSameAsOneMadeAnew(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			base, err := readVersion("base", encoded(t, bigConfig(t, 120)))
			if err != nil {
				t.Fatal(err)
			}
			if b := base.blocks(); len(b.instances) < 120 || len(b.disks) != len(base.config.Disks) || b.head == "" || b.common == "" || !strings.Contains(b.rest, "[end]") {
				t.Fatalf("the text was not taken apart: %d instances, %d disks", len(b.instances), len(b.disks))
			}
			c := base.config.Clone()
			change(c)
			next, err := newVersion(c, base)
			if err != nil {
				t.Fatal(err)
			}
			if want, _, err := encode(c, nil); err != nil || string(next.text) != string(want) {
				t.Errorf("%v\n%s\nanew:\n%s", err, next.text, want)
			}
			before := base.config.Clone()
			want, err := decode("anew", next.text)
			if err != nil {
				t.Fatal(err)
			}
			if err := next.readBack(base); err != nil || !reflect.DeepEqual(next.config.Clone(), want.Clone()) {
				t.Errorf("%v, read back as another configuration", err)
			}
			if !reflect.DeepEqual(base.config.Clone(), before) {
				t.Error("the version before has changed")
			}
		})
	}
}

// A candidate that has the version before is sent only what is new, and makes the same file of it.
func TestACandidatePutsAVersionTogether(t *testing.T) {
	base, err := readVersion("base", encoded(t, bigConfig(t, 120)))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			c := base.config.Clone()
			change(c)
			c.Parent = base.header.Digest
			next, err := newVersion(c, base)
			if err != nil {
				t.Fatal(err)
			}
			news, runs, small := next.since(base)
			if want := name != "all changed"; small != want {
				t.Errorf("of %d bytes %d are new, in %d runs: small is %v", len(next.text), len(news), strings.Count(runs, ",")+1, small)
			}
			r := newReplica(t)
			if err := os.WriteFile(filepath.Join(r.dir, fileName), base.text, 0o600); err != nil {
				t.Fatal(err)
			}
			r.stageChange(next, base, news, runs, 0)
			if text, err := os.ReadFile(filepath.Join(r.dir, stagedName(next.header))); err != nil || string(text) != string(next.text) {
				t.Errorf("%v, another version was put together", err)
			}
		})
	}
}

// Where it does not fit nothing is kept, what the node has is shown, and the next call is understood.
func TestAChangeOfAnotherVersionIsNotTaken(t *testing.T) {
	base, err := readVersion("base", encoded(t, bigConfig(t, 20)))
	if err != nil {
		t.Fatal(err)
	}
	c := base.config.Clone()
	c.Instances[7].SerialNo++
	next, err := newVersion(c, base)
	if err != nil {
		t.Fatal(err)
	}
	news, runs, _ := next.since(base)
	for name, has := range map[string][]byte{
		"another":           versionAt(t, 1, 7).text,
		"none":              nil,
		"damaged":           bytes.Replace(base.text, []byte("admin_state = 'up'"), []byte("admin_state = 'no'"), 1),
		"cut in the middle": slices.Concat(base.text[:5000], base.text[len(base.text)-77:]),
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t)
			if has != nil {
				if bytes.Equal(has, base.text) {
					t.Fatal("it is not spoiled")
				}
				if err := os.WriteFile(filepath.Join(r.dir, fileName), has, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out := r.stageChange(next, base, news, runs, statusOther); out != r.do(nil, 0, "", "ask") {
				t.Errorf("it shows %q", out)
			}
			if left := r.staged(); left != nil {
				t.Errorf("left: %v", left)
			}
			said := r.calls(append([]string{"stage", r.dir}, changeArgs(next, base, runs)...), news, []string{"ask", r.dir}, nil)
			if !slices.Equal(said, []string{"69", "0"}) {
				t.Errorf("the calls ended with %q", said)
			}
		})
	}
}

// A text that the encoder has not written so is not taken apart, and one with a flaw is found when it is read back.
func TestWhatDoesNotFitIsReadAsAWhole(t *testing.T) {
	text := encoded(t, bigConfig(t, 10))
	base, err := readVersion("base", text)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(v *version){
		"another format":    func(v *version) { v.header.Format++ },
		"another order":     func(v *version) { slices.Reverse(v.config.Instances) },
		"an object less":    func(v *version) { v.config.Disks = v.config.Disks[1:] },
		"no text":           func(v *version) { v.text = nil },
		"no version before": nil,
	} {
		v := &version{config: base.config.Clone(), header: base.header, text: base.text}
		if spoil == nil {
			v = nil
		} else {
			spoil(v)
		}
		if b := v.blocks(); b.head != "" {
			t.Errorf("%s: taken apart", name)
		}
	}
	for name, spoil := range map[string]func(text string) string{
		"an object twice": func(text string) string {
			b := split(text)
			return strings.Replace(text, b.disks[3], b.disks[3]+"\n"+b.disks[3], 1)
		},
		"an object less":       func(text string) string { return strings.Replace(text, split(text).disks[3]+"\n", "", 1) },
		"a byte more":          func(text string) string { return strings.Replace(text, "mode = 'rw'", "mode = 'rx'", 1) },
		"no TOML":              func(text string) string { return strings.Replace(text, "mode = 'rw'", "mode 'rw'", 1) },
		"cut":                  func(text string) string { return text[:len(text)-1] },
		"a table in the wrong": func(text string) string { return strings.Replace(text, "[[disk]]", "[[disc]]", 1) },
	} {
		v := &version{config: base.config, header: base.header, text: []byte(spoil(string(text)))}
		if err := v.readBack(base); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
