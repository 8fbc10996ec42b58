package job

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkTend is what every submission, every end of a job and every second of waiting costs, by jobs in the queue.
func BenchmarkTend(b *testing.B) {
	for _, n := range []int{20, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			q, err := openTestQueue(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			q.Runner = []string{"/no/such/program"}
			q.Warn = nil
			if _, err := q.SubmitMany(b.Context(), slices.Repeat([]Request{{Ops: []Operation{&delay{Want: exclusive("web")}}}}, n)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				q.Tend() // the error is that nothing can be started
			}
		})
	}
}
