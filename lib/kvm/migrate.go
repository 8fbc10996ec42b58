package kvm

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// A live migration, seen from here: Accept starts a waiting qemu on the target from the source's runtime file, Migrate
// makes the source send, Transfer follows that until the target has everything. From that moment the guest runs on the
// target by itself and the source is paused for good ("postmigrate"). FinishTarget and Kill (of the source) end it well.
// When anything goes wrong before Transfer has returned nil, the target is ended first (Kill) and only when that is
// certain the source continues (Abort): the other order could let the guest run twice.

// Accept starts the target's side from the source's runtime. at is where it listens, see IncomingAt; capabilities are the
// source's migration_caps.
func Accept(ctx context.Context, r remote.Runner, node string, rt Runtime, l Launch, e Emulator, uids []int64, capabilities string) error {
	if l.Incoming == "" {
		return fail("Instance %s is to be accepted without an address to listen on", l.Name)
	}
	if err := Start(ctx, r, node, rt, l, e, uids); err != nil {
		return err
	}
	return setCapabilities(ctx, r, node, l.Name, capabilities, true)
}

// Migrate makes the guest's qemu start sending to a target, "IP:PORT". hv are the instance's current parameters.
func Migrate(ctx context.Context, r remote.Runner, node, name, target string, hv config.Params, live bool, e Emulator) error {
	return change(ctx, r, node, name, "starts the migration of", migrate(target, hv, live, e)...)
}

func migrate(target string, hv config.Params, live bool, e Emulator) []request {
	var out []request
	if !live {
		out = append(out, request{Execute: "stop"})
	}
	bandwidth := hv.Int("migration_bandwidth") << 20
	limits := attributes{"max-bandwidth": bandwidth, "downtime-limit": hv.Int("migration_downtime")}
	if e.Version[0] >= 3 {
		limits["max-postcopy-bandwidth"] = bandwidth
	}
	out = append(out, request{"migrate-set-parameters", limits})
	if names := hv.String("migration_caps"); names != "" {
		out = append(out, capabilityRequest(names, true))
	}
	return append(out, request{"migrate", attributes{"uri": "tcp:" + target}})
}

func capabilityRequest(names string, on bool) request {
	var list []attributes
	for name := range strings.SplitSeq(names, ":") {
		list = append(list, attributes{"capability": name, "state": on})
	}
	return request{"migrate-set-capabilities", attributes{"capabilities": list}}
}

func setCapabilities(ctx context.Context, r remote.Runner, node, name, names string, on bool) error {
	if names == "" {
		return nil
	}
	return change(ctx, r, node, name, "sets the migration capabilities of", capabilityRequest(names, on))
}

// Progress is how far a migration is.
type Progress struct {
	Status      string
	Transferred int64 // bytes; can exceed Total, as pages change while they are sent
	Total       int64
	DirtySync   int64 // how often all of the memory was gone through
	Error       string
}

// Active says whether the transfer goes on.
func (p Progress) Active() bool {
	switch p.Status {
	case "active", "postcopy-active", "setup", "device", "pre-switchover", "postcopy-paused", "postcopy-recover", "wait-unplug":
		return true
	}
	return false
}

// Query asks how far a migration is.
func Query(ctx context.Context, r remote.Runner, node, name string) (Progress, error) {
	got, err := ask(ctx, r, node, exchange(name, request{Execute: "query-migrate"}))
	if err != nil {
		return Progress{}, err
	}
	return parseProgress(got[0])
}

func parseProgress(answer json.RawMessage) (Progress, error) {
	var raw struct {
		Status string
		Error  string `json:"error-desc"`
		RAM    struct {
			Transferred, Total int64
			DirtySync          int64 `json:"dirty-sync-count"`
		}
	}
	if err := json.Unmarshal(answer, &raw); err != nil {
		return Progress{}, fmt.Errorf("reading the progress of a migration: %w", err)
	}
	return Progress{Status: raw.Status, Error: raw.Error, Transferred: raw.RAM.Transferred, Total: raw.RAM.Total, DirtySync: raw.RAM.DirtySync}, nil
}

const (
	queryEvery  = 250 * time.Millisecond // Ganeti asks once a second; more often ends short ones sooner
	reportEvery = 10 * time.Second
	postcopyAt  = 2 // passes over the memory before the rest is fetched on demand
	looks       = 3 // that fail in a row before a transfer is given up: a monitor that was left a moment ago may hang up on the next who asks
)

// Transfer follows a migration until the target has everything. say gets Ganeti's lines. On an error nothing is decided:
// see the protocol above.
func Transfer(ctx context.Context, r remote.Runner, node, name, capabilities string, say func(string)) error {
	say("* starting memory transfer")
	lastReport := time.Now()
	postcopy := strings.Contains(":"+capabilities+":", ":postcopy-ram:")
	for unseen := 0; ; {
		p, err := Query(ctx, r, node, name)
		if unseen++; err == nil {
			unseen = 0
		} else if unseen == looks || remote.OutcomeOf(err) != remote.Failed {
			return err
		}
		switch {
		case err != nil:
		case p.Status == "completed":
			say("* memory transfer complete")
			return nil
		case !p.Active():
			return fail("%s", failureText(p))
		case postcopy && p.DirtySync >= postcopyAt:
			if err := change(ctx, r, node, name, "switches the migration to postcopy for", request{Execute: "migrate-start-postcopy"}); err != nil {
				return err
			}
			say("* memory transfer has switched to postcopy")
			postcopy = false
		case time.Since(lastReport) >= reportEvery && p.Total > 0:
			say(fmt.Sprintf("* memory transfer progress: %.2f %%", 100*float64(p.Transferred)/float64(p.Total)))
			lastReport = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(queryEvery):
		}
	}
}

func failureText(p Progress) string {
	if p.Error != "" {
		return p.Error
	}
	return "hypervisor returned failure"
}

// Cancel ends a transfer and says how it ended: one that was quicker has completed.
func Cancel(ctx context.Context, r remote.Runner, node, name string) (Progress, error) {
	if err := change(ctx, r, node, name, "cancels the migration of", request{Execute: "migrate_cancel"}); err != nil {
		return Progress{}, err
	}
	for {
		p, err := Query(ctx, r, node, name)
		if err != nil || !p.Active() && p.Status != "cancelling" {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(queryEvery):
		}
	}
}

// FinishTarget writes the runtime file of a guest that has arrived and ends what only the migration needed.
func FinishTarget(ctx context.Context, r remote.Runner, node, name string, runtimeFile []byte, capabilities string) error {
	if err := WriteRuntime(ctx, r, node, name, runtimeFile); err != nil {
		return err
	}
	return setCapabilities(ctx, r, node, name, capabilities, false)
}

// Abort makes the source of a failed migration run again. The target must be known to have ended: it could have received
// everything and run the guest already. A source that has ended by itself is only cleaned up.
func Abort(ctx context.Context, r remote.Runner, node, name, capabilities string) error {
	list, err := States(ctx, r, node)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Name == name && s.Running() {
			if err := change(ctx, r, node, name, "cancels the migration of", request{Execute: "migrate_cancel"}, request{Execute: "cont"}); err != nil {
				return err
			}
			return setCapabilities(ctx, r, node, name, capabilities, false)
		}
	}
	return CleanUp(ctx, r, node, name)
}
