package drbd

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Mode is how many sides of a connection may be primary.
type Mode int

const (
	OnePrimary   Mode = iota
	TwoPrimaries      // for a live migration
)

// connectScript takes the secret from stdin, so that it stands in a list of processes only as long as drbdsetup itself does,
// which has no other way to be told.
const connectScript = `# connect.sh RESOURCE LOCAL REMOTE OPTION…
IFS= read -r secret || exit 99
exec drbdsetup connect "$@" --shared-secret "$secret"`

const hmac = "md5"

func (d Device) connect(p config.Params, mode Mode) remote.Cmd {
	protocol := p.String("protocol")
	if mode == TwoPrimaries || protocol == "" {
		protocol = "C"
	}
	argv := []string{d.resource(), d.address(d.Local), d.address(d.Remote), "--protocol", protocol,
		"--after-sb-0pri", "discard-zero-changes", "--after-sb-1pri", "consensus"}
	if mode == TwoPrimaries {
		argv = append(argv, "--allow-two-primaries")
	}
	argv = append(argv, "--cram-hmac-alg", hmac)
	c := remote.Script(connectScript, append(argv, words(p.String("net-custom"))...)...)
	c.Stdin = []byte(d.Secret + "\n")
	c.Secret = true
	c.Changes = "connects " + d.String()
	return c
}

func (d Device) disconnect() remote.Cmd {
	c := d.changing("disconnects", "drbdsetup", "disconnect", d.address(d.Local), d.address(d.Remote))
	c.OK = []int{10} // there is no such connection
	return c
}

// Waiting for one side, and for both.
var (
	showLimit       = 10 * time.Second
	disconnectLimit = time.Minute
	reconnectLimit  = 2 * time.Minute
	shortest        = 100 * time.Millisecond
)

// Connect sets the connection up and proves that it is; whether the other side takes it is another question.
func (d Device) Connect(ctx context.Context, r remote.Runner, node string, p config.Params, mode Mode) error {
	if err := d.add(ctx, r, node); err != nil {
		return err
	}
	if err := d.run(ctx, r, node, "can't setup network", d.connect(p, mode)); err != nil {
		return err
	}
	for end := time.Now().Add(showLimit); ; {
		s, err := d.Show(ctx, r, node)
		if err != nil || d.networked(s) {
			return err
		}
		if time.Now().After(end) {
			return d.broken("timeout while configuring network")
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// look asks the node what the device is doing, and whether it is set up at all.
func (d Device) look(ctx context.Context, r remote.Runner, node string) (s Status, there bool, err error) {
	all, err := Statuses(ctx, r, node)
	s, there = all[d.Minor]
	return s, there, err
}

// status of the device, or that it is not there.
func (d Device) status(ctx context.Context, r remote.Runner, node string) (Status, error) {
	s, there, err := d.look(ctx, r, node)
	if err == nil && !there {
		err = d.broken("is not set up")
	}
	return s, err
}

// Disconnect ends the connection, and proves it. Both sides are to do so at once: a side whose peer has gone by itself waits for it, and one
// whose request meets that of its peer is refused ("Need access to UpToDate data"), so that it asks again. One that is not set up has no
// connection.
func (d Device) Disconnect(ctx context.Context, r remote.Runner, node string) error {
	wait, failed := shortest, error(nil)
	for end := time.Now().Add(disconnectLimit); ; wait = min(2*time.Second, wait*3/2) {
		s, there, err := d.look(ctx, r, node)
		if err != nil || !there {
			return err
		}
		if s.StandAlone() {
			setup, err := d.Show(ctx, r, node)
			if err != nil || setup.Local == "" {
				return err
			}
		}
		switch {
		case time.Now().After(end) && failed != nil:
			return failed
		case time.Now().After(end):
			return d.broken("device did not react to the 'disconnect' command in a timely manner")
		}
		failed = d.run(ctx, r, node, "can't shutdown network", d.disconnect())
		if _, refused := errors.AsType[*fault.Error](failed); failed != nil && !refused {
			return failed
		}
		if s, err := d.status(ctx, r, node); err != nil || s.StandAlone() {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// Reconnect connects a side that is alone, and waits until it has found the other, which has to do the same meanwhile.
func (d Device) Reconnect(ctx context.Context, r remote.Runner, node string, p config.Params, mode Mode) error {
	s, err := d.status(ctx, r, node)
	if err != nil {
		return err
	}
	if !s.StandAlone() {
		return d.broken("device is not standalone in AttachNet")
	}
	if err := d.Connect(ctx, r, node, p, mode); err != nil {
		return err
	}
	wait := shortest
	for end := time.Now().Add(reconnectLimit); ; wait = min(5*time.Second, wait*3/2) {
		if s, err = d.status(ctx, r, node); err != nil || s.met(mode) {
			return err
		}
		if time.Now().After(end) {
			return d.broken("Timeout in disk reconnecting (%s)", s.Connection)
		}
		if s.StandAlone() { // it had fallen back
			if err := d.Disconnect(ctx, r, node); err != nil {
				return err
			}
			if err := d.Connect(ctx, r, node, p, mode); err != nil {
				return err
			}
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// met says whether a side has found the other in the way that is wanted: before both become primary both must have all data.
func (s Status) met(mode Mode) bool {
	if mode == TwoPrimaries {
		return s.Connected() && s.LocalDisk == "UpToDate" && s.PeerDisk == "UpToDate"
	}
	return s.Connected() || s.InResync()
}

// Assemble brings a side to where it is attached and connected, from wherever it is. Its role stays.
func (d Device) Assemble(ctx context.Context, r remote.Runner, node string, p config.Params) error {
	for range 3 {
		s, there, err := d.look(ctx, r, node)
		if err != nil {
			return err
		}
		if !there {
			return d.begin(ctx, r, node, p)
		}
		setup, err := d.Show(ctx, r, node)
		if err != nil {
			return err
		}
		done, err := d.mend(ctx, r, node, p, s, setup)
		if done || err != nil {
			return err
		}
	}
	return d.broken("cannot activate, unknown or unhandled reason")
}

// begin sets up a side that is not there.
func (d Device) begin(ctx context.Context, r remote.Runner, node string, p config.Params) error {
	if !d.Diskless {
		if err := d.Attach(ctx, r, node, p); err != nil {
			return err
		}
	}
	return d.Connect(ctx, r, node, p, OnePrimary)
}

// mend does the next thing that a side lacks, and says when there is none.
func (d Device) mend(ctx context.Context, r remote.Runner, node string, p config.Params, s Status, setup Setup) (done bool, err error) {
	attached, networked := d.attached(setup), d.networked(setup)
	switch {
	case !attached && setup.Data != "":
		return false, d.broken("cannot activate, unknown or unhandled reason") // it has the volumes of another
	case !attached && (networked || setup.Local == ""):
		return false, d.Attach(ctx, r, node, p)
	case networked && (s.StandAlone() || setup.TwoPrimaries && !s.Connected() && !s.InResync()):
		// It had been given up; if it is again, as after a split brain, that is for its status to tell. Or it is what a migration has left
		// whose other side is gone: that one comes back allowing one primary, and DRBD gives up both where they differ.
		if err := d.Disconnect(ctx, r, node); err != nil {
			return false, err
		}
		return true, d.Connect(ctx, r, node, p, OnePrimary)
	case networked:
		return true, nil
	case setup.Local != "" || setup.Remote != "":
		if err := d.leave(ctx, r, node, setup); err != nil {
			return false, err
		}
	}
	return false, d.Connect(ctx, r, node, p, OnePrimary)
}

// leave ends a connection with other addresses than the device's.
func (d Device) leave(ctx context.Context, r remote.Runner, node string, setup Setup) error {
	c := d.changing("disconnects", "drbdsetup", "disconnect", family(setup.Local), family(setup.Remote))
	return d.run(ctx, r, node, "can't shutdown network", c)
}

// family puts an address back into the form that drbdsetup takes.
func family(address string) string {
	if len(address) > 0 && address[0] == '[' {
		return "ipv6:" + address
	}
	return "ipv4:" + address
}

// number is a parameter as drbdsetup takes it.
func number(p config.Params, name string) string { return strconv.FormatInt(p.Int(name), 10) }
