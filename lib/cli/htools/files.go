package htools

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"gantry/lib/fault"
)

// fileErrors are the classes that the reference puts errors of files in.
var fileErrors = map[syscall.Errno]string{
	syscall.ENOENT:       "does not exist",
	syscall.EACCES:       "permission denied",
	syscall.EPERM:        "permission denied",
	syscall.EROFS:        "permission denied",
	syscall.EISDIR:       "inappropriate type",
	syscall.ENOTDIR:      "inappropriate type",
	syscall.ENAMETOOLONG: "invalid argument",
	syscall.ELOOP:        "invalid argument",
	syscall.ENOSPC:       "resource exhausted",
	syscall.EMFILE:       "resource exhausted",
	syscall.ENFILE:       "resource exhausted",
}

// FileError says in the reference's words why a file cannot be had. What it has no class for stays as it is.
func FileError(err error) error {
	path, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return err
	}
	number, ok := errors.AsType[syscall.Errno](path.Err)
	class, known := fileErrors[number]
	if !ok || !known {
		return err
	}
	reason := number.Error()
	if number != syscall.EISDIR { // it sees to directories itself
		reason = strings.ToUpper(reason[:1]) + reason[1:]
	}
	return fmt.Errorf("%s: openFile: %s (%s)", path.Path, class, reason)
}

// Uncaught is an error of a file that the reference does not catch: it ends with the tool's name before it.
func (o *Options) Uncaught(err error) error {
	if words := FileError(err); words != err {
		return fault.Say(o.Env.Binary() + ": " + words.Error())
	}
	return fault.Say(err.Error())
}
