package job

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var epoch = time.Unix(1_700_000_000, 0)

// line makes a table of tickets that came one after the other.
func line(tickets ...Ticket) *LockTable {
	t := &LockTable{}
	for i := range tickets {
		x := tickets[i]
		x.Since, x.Locks = epoch.UnixNano()+int64(i), normal(x.Locks)
		t.Tickets = append(t.Tickets, &x)
	}
	return t
}

func ticketOf(job, priority int, locks ...Lock) Ticket {
	return Ticket{Job: job, Priority: priority, Locks: locks}
}

func inst(name string) Lock   { return Lock{LevelInstance, name, false} }
func shared(name string) Lock { return Lock{LevelInstance, name, true} }

func TestGrant(t *testing.T) {
	big := Lock{LevelCluster, Big, false}
	for name, tt := range map[string]struct {
		table *LockTable
		want  []int
	}{
		"different things":              {line(ticketOf(1, 0, inst("a")), ticketOf(2, 0, inst("b"))), []int{1, 2}},
		"one after the other":           {line(ticketOf(1, 0, inst("a")), ticketOf(2, 0, inst("a"))), []int{1}},
		"sharing":                       {line(ticketOf(1, 0, shared("a")), ticketOf(2, 0, shared("a")), ticketOf(3, 0, inst("a"))), []int{1, 2}},
		"the more urgent first":         {line(ticketOf(1, 10, inst("a")), ticketOf(2, -10, inst("a")), ticketOf(3, 0, inst("a"))), []int{2}},
		"nobody passes who waits":       {line(ticketOf(1, 0, shared("a")), ticketOf(2, 0, inst("a"), inst("b")), ticketOf(3, 0, shared("a")), ticketOf(4, 0, inst("b")), ticketOf(5, 0, inst("c"))), []int{1, 5}},
		"names of one level only":       {line(ticketOf(1, 0, inst("x")), ticketOf(2, 0, Lock{LevelNode, "x", false})), []int{1, 2}},
		"all of a level":                {line(ticketOf(1, 0, inst(All)), ticketOf(2, 0, shared("a")), ticketOf(3, 0, Lock{LevelNode, "n", false})), []int{1, 3}},
		"all of a level, shared":        {line(ticketOf(1, 0, shared(All)), ticketOf(2, 0, shared("a")), ticketOf(3, 0, inst("b"))), []int{1, 2}},
		"the cluster to oneself":        {line(ticketOf(1, 0, inst("a")), ticketOf(2, 0, big), ticketOf(3, 0, inst("b"))), []int{1}},
		"what is held is not taken":     {&LockTable{[]*Ticket{{Job: 1, Held: true, Priority: 19, Locks: normal([]Lock{inst("a")})}, {Job: 2, Priority: -20, Locks: normal([]Lock{inst("a")})}}}, []int{1}},
		"exclusive and shared is shown": {line(ticketOf(1, 0, shared("a"), inst("a")), ticketOf(2, 0, shared("a"))), []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.table.grant(epoch.Add(time.Second))
			if got := tt.table.held(); !slices.Equal(got, tt.want) {
				t.Errorf("granted %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBusyIsWhatOthersHaveToThemselves(t *testing.T) {
	table := line(ticketOf(1, 0, inst("a"), shared("b")), ticketOf(2, 0, inst("c")), ticketOf(3, 0, inst("c"), inst("d")))
	table.grant(time.Unix(0, 0))
	for name, tt := range map[string]struct {
		job  int
		lock Lock
		want bool
	}{
		"held by another": {9, shared("a"), true}, "one's own": {1, shared("a"), false}, "shared": {9, shared("b"), false},
		"shared, but wanted whole": {9, inst("b"), true}, "only waited for": {9, shared("d"), false}, "free": {9, inst("e"), false},
	} {
		if got := table.busy(tt.job, []Lock{tt.lock}); got != tt.want {
			t.Errorf("%s: busy = %v, want %v", name, got, tt.want)
		}
	}
}

func TestNobodyStarves(t *testing.T) {
	table := line(ticketOf(1, -10, inst("a")), ticketOf(2, 10, inst("a")))
	now := epoch
	for next := 3; ; next++ {
		table.grant(now)
		if slices.Contains(table.held(), 2) {
			break
		}
		if now = now.Add(10 * time.Second); now.Sub(epoch) > 15*time.Minute {
			t.Fatal("a stream of urgent jobs keeps a patient one waiting")
		}
		table.Tickets = append(table.Tickets, &Ticket{Job: next, Priority: -10, Since: now.UnixNano(), Locks: normal([]Lock{inst("a")})})
		table.drop(table.held()[0])
	}
	if waited := now.Sub(epoch); waited < 5*time.Minute {
		t.Errorf("priorities hold for %v only", waited)
	}
}

// Whatever comes and goes, what is held never collides, and the table never stands still while something could be granted.
func TestGrantNeverCollidesOrSleeps(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table := &LockTable{}
	for i := range 3000 {
		if held := table.held(); len(held) > 0 && random.IntN(2) == 0 {
			table.drop(held[random.IntN(len(held))])
		} else {
			var locks []Lock
			for range 1 + random.IntN(3) {
				locks = append(locks, Lock{Level(1 + random.IntN(2)), []string{"a", "b", "c", All}[random.IntN(4)], random.IntN(2) == 0})
			}
			table.Tickets = append(table.Tickets, &Ticket{Job: i, Priority: random.IntN(3), Since: int64(i), Locks: normal(locks)})
		}
		table.grant(time.Unix(0, int64(i)))
		for k, x := range table.Tickets {
			for _, y := range table.Tickets[k+1:] {
				if x.Held && y.Held && x.hinders(y) {
					t.Fatalf("step %d: %+v and %+v", i, x, y)
				}
			}
		}
		if len(table.Tickets) > 0 && len(table.held()) == 0 {
			t.Fatalf("step %d: %d wait and nobody holds anything", i, len(table.Tickets))
		}
	}
}

func TestResources(t *testing.T) {
	table := line(ticketOf(14, 0, Lock{LevelNode, "d5", false}), ticketOf(15, 0, Lock{LevelNode, "d5", true}), ticketOf(16, 0, Lock{LevelNode, "d5", false}), ticketOf(17, 0, Lock{LevelNode, "d5", true}))
	table.grant(epoch)
	var got []string
	for _, r := range table.Resources() {
		got = append(got, fmt.Sprint(r))
	}
	want := []string{
		"{cluster/BGL shared [14] [{shared [15 16 17]}]}", "{cluster/[lockset]  [] []}", "{node/[lockset]  [] []}",
		"{node/d5 exclusive [14] [{exclusive [16]} {shared [15 17]}]}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLockNames(t *testing.T) {
	var got []string
	for l := LevelCluster; l <= LevelNetwork; l++ {
		got = append(got, Lock{l, "x", false}.String())
	}
	if want := "cluster/x instance/x nodegroup/x node/x node-res/x network/x"; strings.Join(got, " ") != want {
		t.Error(got)
	}
}

func TestLocksAreGrantedByPriority(t *testing.T) {
	q := newQueue(t)
	_, letGo := hold(t, q, exclusive("web")...)
	var ids []int
	for _, p := range []int{PriorityLow, PriorityNormal, PriorityHigh} {
		id := submit(t, q, &delay{Want: exclusive("web")}, Options{Priority: p})
		until(t, q, id, Waiting)
		ids = append(ids, id)
	}
	if done, said, err := q.ChangePriority(ids[0], PriorityHighest); !done || !regexp.MustCompile(`^Job 2 with pid \d+ signaled$`).MatchString(said) || err != nil {
		t.Error(done, said, err)
	}
	for urgent := false; !urgent; { // until its runner has heard, and told the lock table
		table, err := q.Locks()
		if err != nil {
			t.Fatal(err)
		}
		ticket := table.ticket(2)
		urgent = ticket != nil && ticket.Priority == PriorityHighest
		time.Sleep(time.Millisecond)
	}
	letGo()
	begun := map[int]time.Time{}
	for _, id := range ids {
		begun[id] = ended(t, q, id, Success).Ops[0].Exec.Time()
	}
	slices.SortFunc(ids, func(a, b int) int { return begun[a].Compare(begun[b]) })
	if want := []int{2, 4, 3}; !slices.Equal(ids, want) {
		t.Errorf("ran in the order %v, want %v", ids, want)
	}
	if j, _ := q.Load(2); j.Ops[0].Priority != PriorityHighest {
		t.Errorf("job 2 shows priority %d", j.Ops[0].Priority)
	}
}

func TestTheTicketOfAKilledJobIsVoid(t *testing.T) {
	q := newQueue(t)
	holder, _ := hold(t, q, exclusive("web")...)
	j, err := q.Load(holder)
	if err != nil {
		t.Fatal(err)
	}
	waiter := submit(t, q, &delay{Want: exclusive("web")}, Options{})
	until(t, q, waiter, Waiting)
	kill(t, j.Owner.PID)
	started := time.Now()
	ended(t, q, waiter, Success)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("the waiter found out after %v", took)
	}
}

func TestEarlyRelease(t *testing.T) {
	q := newQueue(t)
	want := append(exclusive("web"), Lock{LevelNode, "node1", false})
	first := submit(t, q, &delay{Duration: 2, Want: want, Let: want[1:]}, Options{})
	until(t, q, first, Running)
	second := ended(t, q, submit(t, q, &delay{Want: want[1:]}, Options{}), Success)
	if j := ended(t, q, first, Success); second.End.Time().After(j.End.Time()) {
		t.Error("the second job waited for what had been released")
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	q := newQueue(t)
	b, err := q.hang(1)
	if err != nil {
		t.Fatal(err)
	}
	defer b.file.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	started := time.Now()
	b.wait(ctx, time.Minute)
	if took := time.Since(started); took > time.Second {
		t.Errorf("waited %v", took)
	}
	q.wake(1)
	b.wait(t.Context(), time.Minute) // what was rung before counts
	q.wake(2)                        // nobody listens
}

// Other processes use the table too; the readers of a file that is replaced never see half of it.
func TestTheTableIsOneForAllProcesses(t *testing.T) {
	q := newQueue(t)
	started := time.Now()
	var ids []int
	for i := range 30 {
		ids = append(ids, submit(t, q, &delay{Want: exclusive("web" + strconv.Itoa(i%2))}, Options{}))
	}
	for _, id := range ids {
		ended(t, q, id, Success)
	}
	t.Logf("30 jobs, two at a time, in %v", time.Since(started))
	noOverlap(t, q)
	if err := os.WriteFile(q.path("locks"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if table, err := q.Locks(); err != nil || len(table.Tickets) > 0 {
		t.Errorf("a damaged table when no job runs: %v, %v", table, err)
	}
}

func BenchmarkGrant(b *testing.B) {
	for _, n := range []int{20, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table := &LockTable{}
			for i := range n {
				table.Tickets = append(table.Tickets, &Ticket{Job: i, Since: int64(i), Locks: normal([]Lock{inst(strconv.Itoa(i % 5)), {LevelNode, strconv.Itoa(i % 7), true}})})
			}
			for b.Loop() {
				table.grant(epoch)
			}
		})
	}
}

// A flock that was handed over survives the one who took it first.
func TestTheFlockIsNeverWithoutOwner(t *testing.T) {
	q := newQueue(t)
	path := q.path("other")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := claim(path)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sh", "-c", "read wait")
	child.ExtraFiles = []*os.File{file}
	in, err := child.StdinPipe()
	if err := errors.Join(err, child.Start()); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if !owned(path) {
		t.Error("the flock went with the submitter")
	}
	if _, err := claim(path); !errors.Is(err, errBusy) {
		t.Errorf("claimed twice: %v", err)
	}
	in.Close()
	child.Wait()
	if owned(path) {
		t.Error("the flock outlived its owner")
	}
}
