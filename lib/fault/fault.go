// Package fault holds the kinds of failure that users and scripts know from
// Ganeti: the class each has in a job's result, the exact text that is printed
// for it, and the exit status that goes with it.
//
// Code makes a fault where it refuses or fails, wraps it with what was being
// done (%w), and leaves printing to cli. Whoever has to decide asks for the
// class or the kind, never for the text.
package fault

import (
	"cmp"
	"errors"
	"fmt"
)

// Class is the name of the failure as a job file keeps it.
type Class string

const (
	Prereq        Class = "OpPrereqError"        // refused before anything was touched
	Execution     Class = "OpExecError"          // failed on the way
	Type          Class = "TypeEnforcementError" // a parameter that does not exist or has a value of the wrong type
	Parameter     Class = "ParameterError"       // an option whose list of parameters cannot be read
	Configuration Class = "ConfigurationError"   // the configuration, or what a node keeps of it, is not usable
	Tag           Class = "TagError"
	HooksAbort    Class = "HooksAbort"    // a hook said no
	HooksFailure  Class = "HooksFailure"  // hooks could not be run
	JobLost       Class = "JobLost"       // the job is not in the queue (any more)
	JobCanceled   Class = "JobCanceled"   // the job was canceled before it ran
	JobQueue      Class = "JobQueueError" // the queue takes no job
	Protocol      Class = "ProtocolError" // a value that Ganeti's daemons refuse before an operation exists
	Filter        Class = "QueryFilterParseError"
	Hypervisor    Class = "HypervisorError"
	BlockDevice   Class = "BlockDeviceError"
	FileStorage   Class = "FileStoragePathError"
	AddressPool   Class = "AddressPoolError"
	Generic       Class = "GenericError" // whatever has no class of its own
)

// Kind says more about a refusal (class Prereq): Ganeti prints it as "error type".
type Kind string

const (
	Resolver        Kind = "resolver_error"              // a name does not resolve
	NoResources     Kind = "insufficient_resources"      // not enough memory, disk, addresses …
	NoResourcesYet  Kind = "temp_insufficient_resources" // the same, but trying again may help
	WrongInput      Kind = "wrong_input"
	WrongState      Kind = "wrong_state"
	NotFound        Kind = "unknown_entity"
	Exists          Kind = "already_exists"
	NotUnique       Kind = "resource_not_unique" // taken by something else
	Internal        Kind = "internal_error"
	Environment     Kind = "environment_error" // something on a node is not as it has to be
	unspecifiedKind Kind = ""                  // Ganeti itself leaves the kind out in a few places
)

// Error is a failure with a class. Its Error is the bare message; Text gives what a user sees.
type Error struct {
	Class Class
	Kind  Kind   // of a Prereq only
	Hooks []Hook // of a HooksAbort only
	msg   error  // the message, and whatever it wraps
}

// Hook is one hook script that made an operation stop.
type Hook struct{ Node, Script, Output string }

func (e *Error) Error() string { return e.msg.Error() }

func (e *Error) Unwrap() error { return errors.Unwrap(e.msg) }

// New makes a failure of any class that has nothing but a message.
func New(class Class, format string, args ...any) error {
	return &Error{Class: class, msg: fmt.Errorf(format, args...)}
}

// Refuse makes a refusal: nothing has been changed.
func Refuse(kind Kind, format string, args ...any) error {
	return &Error{Class: Prereq, Kind: kind, msg: fmt.Errorf(format, args...)}
}

// RefuseBare is a refusal to which Ganeti gives no error type.
func RefuseBare(format string, args ...any) error {
	return Refuse(unspecifiedKind, format, args...)
}

// Exec makes the failure of an operation that had begun.
func Exec(format string, args ...any) error {
	return New(Execution, format, args...)
}

// EmptyValue is the refusal of an attribute of an operation that is given and empty: Ganeti's daemon does not even take it into the queue.
func EmptyValue(attribute string) error { return EmptyValueOf("SubmitJob", attribute) }

// EmptyValueOf is EmptyValue for a request of another name, which commands make that submit several jobs at once.
func EmptyValueOf(request, attribute string) error {
	return New(Protocol, "Failed to parse request: %s: Can't parse value for '%s': Received empty value for non-empty list", request, attribute)
}

// NoNumber is the refusal of a float that is none: Ganeti's daemon cannot read what becomes of it in JSON.
func NoNumber(f float64) error {
	token := map[string]string{"+Inf": "Infinity", "-Inf": "-Infinity"}[fmt.Sprint(f)]
	return New(Protocol, "Failed to parse request: parsing top-level JSON message: Malformed JSON: invalid token in this context %s", cmp.Or(token, "NaN"))
}

// Abort makes the refusal of an operation by its pre hooks.
func Abort(hooks []Hook) error {
	return &Error{Class: HooksAbort, Hooks: hooks, msg: errors.New(abortText(hooks))}
}

// Of gives err the form that a job result keeps: the class of the fault it wraps,
// or that of a failed execution if it wraps none, with the message of the whole
// chain. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	inner, ok := errors.AsType[*Error](err)
	if !ok {
		return &Error{Class: Execution, msg: err}
	}
	if err == error(inner) { //nolint:errorlint // is it that one itself, with nothing around it?
		return inner
	}
	return &Error{Class: inner.Class, Kind: inner.Kind, Hooks: inner.Hooks, msg: err}
}

// KindOf returns the kind of the refusal err wraps, "" when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// Is makes errors.Is compare class and kind, so that a test or a caller can ask
// for errors.Is(err, fault.Refuse(fault.NotFound, "")).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Class == e.Class && t.Kind == e.Kind && (t.Error() == "" || t.Error() == e.Error())
}
