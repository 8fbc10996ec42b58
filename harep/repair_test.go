package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/balance"
	"gantry/lib/balance/autorepair"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/config"
	"gantry/lib/job"
)

// ended is a queue whose jobs have all ended as their number says, or with success.
type ended struct {
	as        map[int]job.Status
	submitted []string
}

func (q *ended) SubmitMany(_ context.Context, requests []job.Request) (ids []int, err error) {
	for _, r := range requests {
		var names []string
		for _, op := range r.Ops {
			text, err := json.Marshal(op)
			if err != nil {
				return nil, err
			}
			names = append(names, op.OpID()+" "+string(text))
		}
		q.submitted = append(q.submitted, strings.Join(names, "\n  "))
		ids = append(ids, 100+len(q.submitted))
	}
	return ids, nil
}

func (q *ended) Load(id int) (*job.Job, error) {
	status := job.Success
	if s, ok := q.as[id]; ok {
		status = s
	}
	if status == "" {
		return nil, job.ErrNoJob
	}
	return &job.Job{Ops: []job.Op{{Status: status}}}, nil
}

func (q *ended) Follow(id int) (cli.Follower, error) {
	j, err := q.Load(id)
	return at{j}, err
}

type at struct{ j *job.Job }

func (a at) State() *job.Job                                   { return a.j }
func (a at) Next(context.Context, time.Duration) (bool, error) { return false, nil }
func (a at) Close() error                                      { return nil }

// try is a run for one mirrored instance on an offline node and a good one.
func try(t *testing.T, q *ended, dryRun bool, tags ...string) (status autorepair.Status, out string, err error) {
	t.Helper()
	var b bytes.Buffer
	i := &balance.Instance{Name: "web", Template: balance.DRBD, Primary: 0, Secondary: 1, Tags: tags}
	h := &harep{Options: &htools.Options{}, delay: 10, dryRun: dryRun, queue: q}
	h.Env = &cli.Env{Out: &b, Err: &b, Now: func() time.Time { return time.Unix(1_700_000_000, 0).UTC() }}
	h.config = &config.Config{Nodes: []*config.Node{{Name: "node1", Offline: true}, {Name: "node2"}}}
	h.Cluster = &balance.Cluster{Groups: []*balance.Group{{}}, Instances: []*balance.Instance{i},
		Nodes: balance.NodeList{{Name: "node1", Offline: true}, {Name: "node2", Index: 1}}}
	s, err := autorepair.Read(i)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = h.review(t.Context(), i, s); err == nil {
		s, err = h.repair(t.Context(), i, s)
	}
	return s.Status, uuid.ReplaceAllString(b.String(), "UUID"), err
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

const (
	prefix  = "ganeti:watcher:autorepair:"
	pending = prefix + "pending:failover:a:5:7+8"
)

func TestARepairIsSubmittedAndRemembered(t *testing.T) {
	q := &ended{}
	status, out, err := try(t, q, false, prefix+"failover")
	want := "Executing ArFailover repair on web\n>>> Adding the following tag to web:\n\"" + prefix + "pending:failover:UUID:1700000000:101\"\n"
	if err != nil || status != autorepair.Pending || out != want {
		t.Errorf("%s, %v\n%s\nwant\n%s", status, err, out, want)
	}
	jobs := `OP_TEST_DELAY {"duration":10,"on_master":true,"on_nodes":[],"repeat":0,"interruptible":false,"no_locks":false}
  OP_INSTANCE_FAILOVER {"instance_name":"web","shutdown_timeout":120,"ignore_consistency":false,"ignore_ipolicy":false,"cleanup":false}`
	if len(q.submitted) != 2 || q.submitted[0] != jobs || !strings.HasPrefix(q.submitted[1], `OP_TAGS_SET {"kind":"instance","name":"web",`) {
		t.Errorf("submitted\n%s", strings.Join(q.submitted, "\n"))
	}
}

func TestADryRunSubmitsNothingAndShowsTheJob(t *testing.T) {
	q := &ended{}
	status, out, err := try(t, q, true, prefix+"failover")
	want := `Executing ArFailover repair on web
jobs: [[{"OP_ID":"OP_TEST_DELAY","duration":10,"on_master":true,"on_nodes":[],"repeat":0,"interruptible":false,"no_locks":false},` +
		`{"OP_ID":"OP_INSTANCE_FAILOVER","instance_name":"web","shutdown_timeout":120,"ignore_consistency":false,"ignore_ipolicy":false,"cleanup":false}]]
>>> Adding the following tag to web:
"ganeti:watcher:autorepair:pending:failover:UUID:1700000000:"
`
	if err != nil || status != autorepair.Pending || out != want || q.submitted != nil {
		t.Errorf("%s, %v, %q\n%s\nwant\n%s", status, err, q.submitted, out, want)
	}
}

func TestWhatIsNotAllowedIsNotDone(t *testing.T) {
	for name, tt := range map[string]struct {
		tag    string
		status autorepair.Status
		said   string
		jobs   []string
	}{
		"nothing is": {"other", autorepair.Healthy, "Not repairing web because it's in state ArNotEnabled\n", nil},
		"suspended":  {prefix + "suspend", autorepair.Healthy, "Not repairing web because it's in state ArSuspended Forever\n", nil},
		"less is": {prefix + "migrate", autorepair.Needed, "Not performing a repair of type ArFailover on web because only repairs up to ArMigrate are allowed\n" +
			">>> Adding the following tag to web:\n\"" + prefix + "result:failover:UUID:1700000000:enoperm:\"\n", []string{"OP_TAGS_SET"}},
		"it has failed before": {prefix + "result:failover:a:5:failure:7", autorepair.Failed, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			q := &ended{}
			status, out, err := try(t, q, false, tt.tag)
			if err != nil || status != tt.status || out != tt.said || !slices.Equal(names(q), tt.jobs) {
				t.Errorf("%s, %v, %q\n%s", status, err, q.submitted, out)
			}
		})
	}
}

// names are the operations that were submitted.
func names(q *ended) (list []string) {
	for _, s := range q.submitted {
		for line := range strings.Lines(s) {
			list = append(list, strings.Fields(line)[0])
		}
	}
	return list
}

func TestTheJobsOfAPendingRepairDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		jobs   map[int]job.Status
		status autorepair.Status
		ops    []string
		fails  string
	}{
		"one runs":       {map[int]job.Status{7: job.Error, 8: job.Running}, autorepair.Pending, nil, ""},
		"one has failed": {map[int]job.Status{8: job.Error}, autorepair.Failed, []string{"OP_TAGS_SET", "OP_TAGS_DEL"}, ""},
		"one is lost":    {map[int]job.Status{7: ""}, autorepair.Pending, nil, "Error: could not check job status: job 7: " + job.ErrNoJob.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			q := &ended{as: tt.jobs}
			status, out, err := try(t, q, false, prefix+"suspend", pending)
			if status != tt.status || !slices.Equal(names(q), tt.ops) || text(err) != tt.fails {
				t.Errorf("%s, %v, %q\n%s", status, err, q.submitted, out)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestARunThatFailsToTagEnds(t *testing.T) {
	q := &ended{as: map[int]job.Status{102: job.Error}}
	_, _, err := try(t, q, false, prefix+"failover")
	if want := "Error: The following jobs failed: 102=>error"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
