package htools

import (
	"context"
	"fmt"
	"time"

	"gantry/lib/cli"
	"gantry/lib/job"
)

// priorityNumbers are those of the queue for the words of the option; without it a job is normal.
var priorityNumbers = map[string]int{"low": job.PriorityLow, "normal": job.PriorityNormal, "high": job.PriorityHigh}

// Request is a job of these operations, with the priority and the reason of the command line. The comment says what for.
func (o *Options) Request(comment string, ops ...job.Operation) job.Request {
	version := fmt.Sprintf("%s (ganeti) version %s", o.Env.Binary(), cli.Packaged)
	comment += " " + version
	reason := job.Reason{Source: o.Env.Binary(), Text: o.Reason, Time: o.Env.Now().UnixNano()}
	if reason.Text == "" {
		reason.Text = version + " called"
	}
	return job.Request{Ops: ops, Options: job.Options{Priority: priorityNumbers[o.Priority], Reason: []job.Reason{reason}, Comment: &comment}}
}

// Await waits for the end of a job. While it waits, heed is called again and again and may end that; nil is nobody.
func Await(ctx context.Context, queue cli.Queue, id int, heed func() error) (job.Status, error) {
	f, err := queue.Follow(id)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for {
		if status := f.State().Status(); status.Final() {
			return status, nil
		}
		if _, err := f.Next(ctx, time.Second); err != nil {
			return "", err
		}
		if heed == nil {
			continue
		}
		if err := heed(); err != nil {
			return "", err
		}
	}
}
