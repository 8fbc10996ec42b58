package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// classNames are the classes that may stand in a job file. A result that names
// another one is no failure that could be read back.
const classNames = `
	AddressPoolError BlockDeviceError CommandError ConfdClientError ConfdMagicError ConfigVerifyError
	ConfigVersionMismatch ConfigurationError DeviceCreationError FileStoragePathError GenericError HooksAbort
	HooksFailure HotplugError HypervisorError IPAddressError InotifyError JobCanceled JobFileCorrupted JobLost
	JobQueueDrainError JobQueueError JobQueueFull JobSubmittedException LockError LuxiError NoCtypesError
	OpCodeUnknown OpExecError OpPrereqError OpResultError OpRetryNotSupportedError ParameterError ParseError
	PidFileLockError ProgrammerError QueryFilterParseError QuitGanetiException RapiTestResult RemoteError
	ReservationError ResolverError ResultValidationError SignatureError SshUpdateError StorageError TagError
	TypeEnforcementError UdpDataSizeError UnitParseError X509CertError ProtocolError
`

// MarshalJSON writes the pair Ganeti keeps as the result of a failed opcode:
// the class, and the list of its arguments.
func (e *Error) MarshalJSON() ([]byte, error) {
	var args []any
	switch {
	case e.Class == HooksAbort:
		hooks := make([][3]string, 0, len(e.Hooks))
		for _, h := range e.Hooks {
			hooks = append(hooks, [3]string{h.Node, h.Script, h.Output})
		}
		args = []any{hooks}
	case e.Class == Prereq && e.Kind != unspecifiedKind:
		args = []any{e.Error(), e.Kind}
	default:
		args = []any{e.Error()}
	}
	return json.Marshal([]any{e.Class, args})
}

// UnmarshalJSON reads such a pair; anything else is an error.
func (e *Error) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("reading a failure: %d parts instead of 2", len(pair))
	}
	var class Class
	var args []json.RawMessage
	if err := errors.Join(json.Unmarshal(pair[0], &class), json.Unmarshal(pair[1], &args)); err != nil {
		return fmt.Errorf("reading a failure: %w", err)
	}
	if !slices.Contains(strings.Fields(classNames), string(class)) {
		return fmt.Errorf("reading a failure: unknown class %q", class)
	}
	e.Class, e.Kind, e.Hooks = class, unspecifiedKind, nil
	return e.setArgs(args)
}

func (e *Error) setArgs(args []json.RawMessage) error {
	if e.Class == HooksAbort && len(args) == 1 {
		var hooks [][3]string
		if err := json.Unmarshal(args[0], &hooks); err != nil {
			return fmt.Errorf("reading the hooks of a failure: %w", err)
		}
		for _, h := range hooks {
			e.Hooks = append(e.Hooks, Hook{Node: h[0], Script: h[1], Output: h[2]})
		}
		e.msg = errors.New(abortText(e.Hooks))
		return nil
	}
	if e.Class == Prereq && len(args) == 2 {
		if err := json.Unmarshal(args[1], &e.Kind); err != nil {
			return fmt.Errorf("reading the kind of a failure: %w", err)
		}
		args = args[:1]
	}
	e.msg = errors.New(join(args))
	return nil
}

// join makes one message of the arguments of a failure. Nearly all have one.
func join(args []json.RawMessage) string {
	parts := make([]string, len(args))
	for i, raw := range args {
		if json.Unmarshal(raw, &parts[i]) != nil {
			parts[i] = string(raw) // not a string: shown as it stands
		}
	}
	return strings.Join(parts, ", ")
}

// Decode reads the result of an opcode: the failure in it, or nil if it is an
// ordinary result.
func Decode(result []byte) error {
	var e Error
	if json.Unmarshal(result, &e) != nil {
		return nil
	}
	return &e
}
