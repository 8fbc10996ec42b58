package iallocator

import (
	"os"
	stdstrings "strings"
	"testing"

	"gantry/lib/balance"
)

func FuzzRead(f *testing.F) {
	for _, name := range []string{"hailerr-alok.json", "hailerr-trunc.json", "hailerr-relocnode.json"} {
		text, err := os.ReadFile("../../../tests/htools/testdata/data/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read(text)
		if err != nil {
			return
		}
		if _, err := (balance.Merge{KVMNodeMem: 4096}).Apply(r.Cluster); err != nil {
			return
		}
		q, err := r.Resolve()
		if err != nil {
			return
		}
		answer, err := q.Answer(r.Cluster, balance.AllocOptions{Capacity: true})
		if err == nil && !stdstrings.HasPrefix(answer.Text, `{"success":`) {
			t.Errorf("answer %q", answer.Text)
		}
	})
}
