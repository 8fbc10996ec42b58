package balance_test

import (
	"os"
	"path/filepath"
	"testing"

	"gantry/lib/balance"
	"gantry/lib/balance/text"
)

// Two fillings of a cluster at the same time share its nodes; with the race detector this shows that neither changes them.
func TestAFillingKnowsNothingOfAnotherOneMeanwhile(t *testing.T) {
	for _, name := range []string{"drbd01", "exclmix04", "plain03", "loc01", "off01"} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(data, name+".data"))
			if err != nil {
				t.Fatal(err)
			}
			c, err := text.Read(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := (balance.Merge{}).Apply(c); err != nil {
				t.Fatal(err)
			}
			template := c.Policy.Templates[0]
			f := &balance.Filler{AllocOptions: balance.AllocOptions{Capacity: true, AcceptExisting: true}, Groups: c.Groups, Limit: 12, Nodes: c.Nodes, Initial: c.Instances}
			f.Restrict(func(*balance.Group) bool { return true }, template.NodeCount())
			size := c.Policy.Std.Instance(template, 1)
			fixed := func(f *balance.Filler) (*balance.Filling, error) { return f.Fixed(size) }
			meanwhile := f.Meanwhile(fixed)
			if _, err := f.Tiered([]*balance.Instance{c.Policy.MinMax[0].Max.Instance(template, 1)}); err != nil {
				t.Fatal(err)
			}
			got, err := meanwhile()
			if err != nil {
				t.Fatal(err)
			}
			want, err := fixed(f)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Placed) != len(want.Placed) || balance.Score(got.Nodes) != balance.Score(want.Nodes) {
				t.Errorf("%d instances at %v, alone %d at %v", len(got.Placed), balance.Score(got.Nodes), len(want.Placed), balance.Score(want.Nodes))
			}
		})
	}
}
