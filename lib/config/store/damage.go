package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"gantry/lib/fault"
)

// Damaged is a config.toml that cannot be used. Nothing is written over it.
type Damaged struct {
	File string
	Line int
	Err  error
}

func (d *Damaged) Error() string {
	return fmt.Sprintf("%s, line %d: %v\n"+
		"Nothing was changed. Every master candidate has a copy of the configuration: put the newest good one in this file's place "+
		"(epoch and serial are in its first lines).", d.File, d.Line, d.Err)
}

func (d *Damaged) Unwrap() error { return d.Err }

func damaged(file string, line int, err error) error {
	if h, ok := errors.AsType[headerError](err); ok {
		line, err = h.line, errors.New("it "+h.what)
	}
	return fault.New(fault.Configuration, "%w", &Damaged{File: file, Line: line, Err: err})
}

// damagedTOML says which line the decoder did not understand. It does not show the line: it may hold a secret, and what is
// printed goes to a log that everybody can read.
func damagedTOML(file string, text []byte, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		err = &strict.Errors[0]
	}
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return damaged(file, 1, err)
	}
	line, _ := d.Position()
	if line == 1 { // where the header has been read: the decoder has no position for what is missing at the end
		line = lines(text)
	}
	return damaged(file, line, errors.New(strings.TrimPrefix(d.Error(), "toml: ")))
}

// lines counts the lines of a text, a last one that is cut included.
func lines(text []byte) int {
	return max(1, len(bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))))
}

// NewerFormat is a config.toml that a newer program wrote.
type NewerFormat struct {
	File   string
	Format int
}

func newer(file string, format int) error {
	return fault.New(fault.Configuration, "%w", &NewerFormat{File: file, Format: format})
}

func (n *NewerFormat) Error() string {
	return fmt.Sprintf("%s has format %d, and this program knows formats up to %d: a newer version of the package wrote it. "+
		"Nothing was changed; install that version here.", n.File, n.Format, Format)
}
