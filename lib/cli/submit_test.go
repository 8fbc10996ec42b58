package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gantry/lib/fault"
	"gantry/lib/job"
)

// reboot is an operation that nobody runs here.
type reboot struct {
	Name string `json:"instance_name"`
}

func (reboot) OpID() string           { return "OP_INSTANCE_REBOOT" }
func (reboot) Work(*job.Env) job.Work { return nil }

// scriptedQueue gives ids from first on; each job goes through the states its script has.
type scriptedQueue struct {
	first    int
	requests []job.Request
	scripts  map[int][]job.Job
}

func (q *scriptedQueue) SubmitMany(_ context.Context, requests []job.Request) ([]int, error) {
	var ids []int
	for range requests {
		ids = append(ids, q.first+len(q.requests)+len(ids))
	}
	q.requests = append(q.requests, requests...)
	return ids, nil
}

func (q *scriptedQueue) Load(id int) (*job.Job, error) {
	if states := q.scripts[id]; len(states) > 0 {
		return &states[0], nil
	}
	return nil, job.ErrNoJob
}

func (q *scriptedQueue) Follow(id int) (Follower, error) {
	states := q.scripts[id]
	if len(states) == 0 {
		return nil, job.ErrNoJob
	}
	return &scriptedJob{states: states}, nil
}

type scriptedJob struct{ states []job.Job }

func (f *scriptedJob) State() *job.Job { return &f.states[0] }
func (f *scriptedJob) Close() error    { return nil }

// Next goes to the next state; two equal statuses without a new message are a job that did not change.
func (f *scriptedJob) Next(context.Context, time.Duration) (bool, error) {
	if len(f.states) == 1 {
		return false, errors.New("the script is over and the job has not ended")
	}
	before := f.states[0]
	f.states = f.states[1:]
	return before.Status() != f.states[0].Status() || before.LastSerial() != f.states[0].LastSerial(), nil
}

// state is a job of one operation with so many messages.
func state(status job.Status, result string, messages ...string) job.Job {
	op := job.Op{Status: status, Result: json.RawMessage(result)}
	at := time.Date(2020, 1, 17, 20, 5, 42, 0, time.Local)
	for i, m := range messages {
		op.Log = append(op.Log, job.LogEntry{Serial: i + 1, Time: job.At(at), Kind: "message", Message: m})
	}
	return job.Job{Ops: []job.Op{op}}
}

// submitting runs a command that submits what do says, with these words and jobs.
func submitting(t *testing.T, words string, scripts map[int][]job.Job, do func(context.Context, *Env) error) (q *scriptedQueue, status int, out, errs string) {
	t.Helper()
	env, stdout, stderr := testEnv(t)
	q = &scriptedQueue{first: 7, scripts: scripts}
	env.cluster.queue = q
	commands := Commands{"reboot": func(c *Command) {
		Submit(c)
		DryRun(c)
		Priority(c)
		c.Run(do)
	}}
	status = env.main(commands, Aliases{"restart": "reboot"}, append([]string{"gnt-instance"}, strings.Fields(words)...))
	return q, status, stdout.String(), stderr.String()
}

func rebootWeb(ctx context.Context, env *Env) error { return env.Submit(ctx, reboot{"web"}) }

func TestSubmitFollowsTheJob(t *testing.T) {
	const head = "Fri Jan 17 20:05:42 2020 "
	for what, tt := range map[string]struct {
		words  string
		job    []job.Job
		status int
		out    string
		err    string
	}{
		"messages": {"reboot", []job.Job{
			state(job.Queued, ""), state(job.Running, "", "* one"), state(job.Running, "", "* one", " - WARNING: two\nlines"),
			state(job.Success, "true", "* one", " - WARNING: two\nlines", "last")}, 0,
			head + "* one\n" + head + " - WARNING: two\\nlines\n" + head + "last\n", ""},
		"failure": {"reboot", []job.Job{state(job.Error, `["OpPrereqError",["Instance 'web' not known","unknown_entity"]]`)}, 1, "",
			"Failure: prerequisites not met for this operation:\nerror type: unknown_entity, error details:\nInstance 'web' not known\n"},
		"result that is no failure": {"reboot", []job.Job{state(job.Error, `"odd"`)}, 1, "", "Failure: command execution error:\nodd\n"},
		"canceled":                  {"reboot", []job.Job{state(job.Canceled, `null`)}, 1, "", "Unhandled Ganeti error: Job was canceled\n"},
		"waiting": {"reboot", []job.Job{state(job.Queued, ""), state(job.Queued, ""), state(job.Queued, ""), state(job.Waiting, ""), state(job.Waiting, ""), state(job.Success, "1")}, 0, "",
			"Job 7 is waiting in queue\nJob 7 is trying to acquire all necessary locks\n"},
		"lost":          {"reboot", nil, 1, "", "Error checking job status: Can't load job file\n"},
		"submit":        {"reboot --submit", nil, 0, "", "JobID: 7\n"},
		"print and run": {"reboot --print-jobid", []job.Job{state(job.Success, "1")}, 0, "7\n", ""},
		"both":          {"reboot --submit --print-jobid", nil, 0, "7\n", "JobID: 7\n"},
	} {
		t.Run(what, func(t *testing.T) {
			_, status, out, errs := submitting(t, tt.words, map[int][]job.Job{7: tt.job}, rebootWeb)
			if status != tt.status || out != tt.out || errs != tt.err {
				t.Errorf("status %d\n%s%s\nwant %d\n%s%s", status, out, errs, tt.status, tt.out, tt.err)
			}
		})
	}
}

func TestOptionsTravelWithTheJob(t *testing.T) {
	q, _, _, _ := submitting(t, "restart --priority=high --dry-run --reason because --submit", nil, rebootWeb)
	r := q.requests[0]
	if r.Priority != -10 || r.DryRun == nil || !*r.DryRun || len(r.Reason) != 2 {
		t.Fatalf("request %+v", r)
	}
	if r.Reason[0].Source != "gnt:user" || r.Reason[0].Text != "because" || r.Reason[1].Source != "gnt:client:gnt-instance" || r.Reason[1].Text != "restart" {
		t.Errorf("reasons %+v", r.Reason)
	}
	if q, _, _, _ = submitting(t, "reboot -dd --submit", nil, rebootWeb); q.requests[0].Debug != 2 || *q.requests[0].DryRun || len(q.requests[0].Reason) != 1 {
		t.Errorf("request %+v", q.requests[0])
	}
}

func TestSubmitForReadsTheResult(t *testing.T) {
	var nodes []string
	_, status, _, errs := submitting(t, "reboot", map[int][]job.Job{7: {state(job.Success, `["node1","node2"]`)}}, func(ctx context.Context, env *Env) error {
		return env.SubmitFor(ctx, reboot{"web"}, &nodes)
	})
	if status != 0 || len(nodes) != 2 || nodes[1] != "node2" {
		t.Errorf("status %d, %v, %s", status, nodes, errs)
	}
}

func TestPartialFailure(t *testing.T) {
	two := job.Job{Ops: []job.Op{{Status: job.Success}, {Status: job.Error, Result: json.RawMessage(`"no room"`)}}}
	_, _, _, errs := submitting(t, "reboot", map[int][]job.Job{7: {two}}, rebootWeb)
	if want := "Failure: command execution error:\npartial failure (opcode 1): no room\n"; errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

func manyJobs(quiet bool) func(context.Context, *Env) error {
	return func(ctx context.Context, env *Env) error {
		jobs := env.Jobs()
		jobs.Quiet = quiet
		for _, name := range []string{"web", "db", ""} {
			jobs.Add(name, reboot{name})
		}
		jobs.AddRefused("mail", fault.New(fault.Generic, "Queue full"))
		results, err := jobs.Run(ctx)
		if err != nil {
			return err
		}
		var failed []string
		for _, r := range results {
			if r.Err != nil {
				failed = append(failed, fmt.Sprint(r.ID))
			}
		}
		env.Println("failed: %s", strings.Join(failed, ","))
		return nil
	}
}

func TestSeveralJobs(t *testing.T) {
	scripts := map[int][]job.Job{
		7: {state(job.Waiting, ""), state(job.Success, "1", "from web")},
		8: {state(job.Error, `["OpExecError",["Disk consistency error"]]`)},
		9: {state(job.Success, "1")},
	}
	_, status, out, errs := submitting(t, "reboot", scripts, manyJobs(false))
	wantOut := "Submitted jobs 7, 8, 9\nWaiting for job 8 for db ...\nWaiting for job 9 ...\nWaiting for job 7 for web ...\n" +
		"Fri Jan 17 20:05:42 2020 from web\nfailed: 8,0\n"
	wantErr := "Failed to submit job for mail: Queue full\nJob 8 for db has failed: Failure: command execution error:\nDisk consistency error\n"
	if status != 0 || out != wantOut || errs != wantErr {
		t.Errorf("status %d\n%s%s\nwant\n%s%s", status, out, errs, wantOut, wantErr)
	}
	delete(scripts, 9)
	_, _, out, errs = submitting(t, "reboot", scripts, manyJobs(true))
	if strings.Contains(out, "Submitted") || !strings.Contains(errs, "Job 9 has been archived, cannot check its result\n") {
		t.Errorf("%s%s", out, errs)
	}
}

func TestSeveralJobsSubmittedOnly(t *testing.T) {
	_, status, out, errs := submitting(t, "reboot --submit", nil, manyJobs(false))
	if want := "7: web\n8: db\n9: \nfailed: \n"; status != 0 || out != want || errs != "Failure for mail: Queue full\n" {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// patient is an operation with a word that no queue takes.
type patient struct{ reboot }

func (patient) WellFormed() error {
	return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for 'timeout': Invalid value for non-negative type '-1'")
}

func TestTheRequestForSeveralJobsHasAnotherName(t *testing.T) {
	for name, tt := range map[string]struct {
		request string
		submit  func(context.Context, *Env) error
	}{
		"one":      {"SubmitJob", func(ctx context.Context, env *Env) error { return env.Submit(ctx, patient{}) }},
		"together": {"SubmitManyJobs", func(ctx context.Context, env *Env) error { return severally(ctx, env, false) }},
		"each":     {"SubmitJob", func(ctx context.Context, env *Env) error { return severally(ctx, env, true) }},
	} {
		q, status, _, errs := submitting(t, "reboot", nil, tt.submit)
		want := "Unhandled protocol error while talking to the master daemon:\nFailed to parse request: " + tt.request +
			": Can't parse value for 'timeout': Invalid value for non-negative type '-1'\n"
		if status != 1 || errs != want || q.requests != nil {
			t.Errorf("%s: status %d\n%s%d jobs", name, status, errs, len(q.requests))
		}
	}
}

func severally(ctx context.Context, env *Env, each bool) error {
	jobs := env.Jobs()
	jobs.Each = each
	jobs.Add("web", patient{})
	return jobs.Submit(ctx)
}

func TestNothingIsSubmittedBesideGanetisDaemons(t *testing.T) {
	for _, daemon := range []string{"ganeti-master", "ganeti-query"} {
		env, _, errs := testEnv(t)
		env.paths.sockets = t.TempDir()
		listener, err := net.Listen("unix", filepath.Join(env.paths.sockets, daemon))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		if err := os.WriteFile(filepath.Join(env.paths.data, "ssconf_master_node"), []byte("node1.example.com\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		status := env.main(Commands{"reboot": func(c *Command) { c.Run(rebootWeb) }}, nil, []string{"gnt-instance", "reboot"})
		if status != 1 || !strings.Contains(errs.String(), "Ganeti's daemons are running on this machine") {
			t.Errorf("%s: status %d, %s", daemon, status, errs)
		}
	}
}

func TestWithoutAClusterNothingIsSubmitted(t *testing.T) {
	const head = "Failure: prerequisites not met for this operation:\nerror type: "
	for what, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no cluster": {nil, head + "wrong_input, error details:\nCluster not initialized or this machine is not part of a cluster\n"},
		"not master": {map[string]string{"ssconf_master_node": "node2.example.com\n"}, head + "wrong_input, error details:\n" +
			"This is not the master node, please connect to node 'node2.example.com' and rerun the command\n"},
		"beside Ganeti": {map[string]string{"ssconf_master_node": "node1.example.com\n", "config.data": "{}"}, head + "wrong_state, error details:\n" +
			"Ganeti's own configuration is in use on this machine (DIR/config.data); nothing is changed beside it\n"},
	} {
		t.Run(what, func(t *testing.T) {
			env, out, errs := testEnv(t)
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(env.paths.data, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			status := env.main(Commands{"reboot": func(c *Command) { c.Run(rebootWeb) }}, nil, []string{"gnt-instance", "reboot"})
			if got := strings.Replace(errs.String(), env.paths.data, "DIR", 1); status != 1 || got != tt.want || out.Len() > 0 {
				t.Errorf("status %d\n%s\nwant\n%s", status, got, tt.want)
			}
		})
	}
}

func TestADamagedConfigurationEndsWithStatus2(t *testing.T) {
	env, _, errs := testEnv(t)
	beMaster(t, env)
	path := filepath.Join(env.paths.data, "config.toml")
	if err := os.WriteFile(path, []byte("format = 1\nmin_reader = 1\nepoch = banana\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status := env.main(Commands{"info": func(c *Command) {
		c.Run(func(_ context.Context, env *Env) error { _, err := env.Config(); return err })
	}}, nil, []string{"gnt-cluster", "info"})
	text := errs.String()
	if status != 2 || !strings.HasPrefix(text, "Corrupt configuration file: ") || !strings.Contains(text, path) || !strings.HasSuffix(text, "\nAborting.\n") {
		t.Errorf("status %d\n%s", status, text)
	}
}

func TestMasterOfNoCluster(t *testing.T) {
	env, _, _ := testEnv(t)
	_, err := env.Master()
	text, status := fault.Text(err)
	path := filepath.Join(env.paths.data, "ssconf_master_node")
	if want := "Corrupt configuration file: Can't read ssconf file " + path + ": [Errno 2] No such file or directory: '" + path + "'\nAborting."; text != want || status != 2 {
		t.Errorf("%d %s", status, text)
	}
}

func TestTheRealQueueTakesJobs(t *testing.T) {
	env, _, errs := testEnv(t)
	beMaster(t, env)
	q, err := env.JobQueue()
	if err != nil {
		t.Fatal(err)
	}
	q.Copy, q.Runner = nil, []string{"/bin/false"}
	env.cluster.queue = jobQueue{q}
	commands := Commands{"reboot": func(c *Command) { Submit(c); c.Run(rebootWeb) }}
	if status := env.main(commands, nil, []string{"gnt-instance", "reboot", "--submit"}); status != 0 || errs.String() != "JobID: 1\n" {
		t.Fatalf("status %d, %s", status, errs)
	}
	j, err := q.Load(1)
	if err != nil || j.Ops[0].OpID() != "OP_INSTANCE_REBOOT" || !strings.Contains(string(j.Ops[0].Input), `"gnt:client:gnt-instance"`) {
		t.Errorf("job %+v, %v", j, err)
	}
	f, err := env.cluster.queue.Follow(1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.State().ID != 1 || f.State().Status() != job.Queued {
		t.Errorf("following %+v", f.State())
	}
	if _, err := env.cluster.queue.Follow(2); !errors.Is(err, job.ErrNoJob) {
		t.Errorf("following a job that is not there: %v", err)
	}
}
