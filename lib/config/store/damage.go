package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
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
	return &Damaged{File: file, Line: line, Err: err}
}

// damagedTOML shows the lines around what the decoder did not understand.
func damagedTOML(file string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		err = &strict.Errors[0]
	}
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return damaged(file, 1, err)
	}
	line, _ := d.Position()
	return damaged(file, line, fmt.Errorf("%s\n%s", strings.TrimPrefix(d.Error(), "toml: "), d.String()))
}

// NewerFormat is a config.toml that a newer program wrote.
type NewerFormat struct {
	File   string
	Format int
}

func (n *NewerFormat) Error() string {
	return fmt.Sprintf("%s has format %d, and this program knows formats up to %d: a newer version of the package wrote it. "+
		"Nothing was changed; install that version here.", n.File, n.Format, Format)
}
