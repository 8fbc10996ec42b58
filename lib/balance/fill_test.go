package balance_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"gantry/lib/balance"
	"gantry/lib/balance/text"
)

// Two fillings of a cluster at the same time share its nodes; with the race detector this shows that neither changes them.
func TestAFillingKnowsNothingOfAnotherOneMeanwhile(t *testing.T) {
	for _, name := range []string{"drbd01", "exclmix04", "plain03", "loc01", "off01"} {
		t.Run(name, func(t *testing.T) {
			f, c := filler(t, name, 12)
			template := c.Policy.Templates[0]
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

// On this cluster many a size is made smaller in thousands of steps, which the cores share.
func TestTheSizesThatFitAreTheSameWhateverTheNumberOfCores(t *testing.T) {
	var placed [2][][5]int
	for k, cores := range []int{1, 4} {
		before := runtime.GOMAXPROCS(cores)
		f, c := filler(t, "plain03", -1)
		got, err := f.Tiered([]*balance.Instance{c.Policy.MinMax[0].Max.Instance(c.Policy.Templates[0], 1)})
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range got.Placed {
			placed[k] = append(placed[k], [5]int{i.Mem, i.VCPUs, i.Disk, i.Primary, i.Secondary})
		}
	}
	if !slices.Equal(placed[0], placed[1]) || len(placed[0]) == 0 {
		t.Errorf("one core places %v, four %v", placed[0], placed[1])
	}
}

// filler is one for the whole of a recorded cluster.
func filler(t *testing.T, name string, limit int) (*balance.Filler, *balance.Cluster) {
	t.Helper()
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
	f := &balance.Filler{AllocOptions: balance.AllocOptions{Capacity: true, AcceptExisting: true}, Groups: c.Groups, Limit: limit, Nodes: c.Nodes, Initial: c.Instances}
	f.Restrict(func(*balance.Group) bool { return true }, c.Policy.Templates[0].NodeCount())
	return f, c
}
