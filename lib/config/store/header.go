package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Header is the identity of a version of the configuration: the first lines of the file, and the digest in its last.
type Header struct {
	Format    int
	MinReader int
	Epoch     int64
	Serial    int64
	Parent    string // digest of the version before
	Master    string // name of the master node
	Digest    string // of this version; empty when the file's end is not as it should be
}

// Before says whether h is an older version than o. Neither is when both have the same epoch and serial.
func (h Header) Before(o Header) bool {
	return h.Epoch < o.Epoch || h.Epoch == o.Epoch && h.Serial < o.Serial
}

// At says whether both stand at the same epoch and serial, whatever they contain.
func (h Header) At(o Header) bool { return h.Epoch == o.Epoch && h.Serial == o.Serial }

func (h Header) String() string {
	return fmt.Sprintf("epoch %d, serial %d, master %s", h.Epoch, h.Serial, h.Master)
}

// headerFields are the first lines of the file, in this order and in the form "name = value".
var headerFields = [...]string{"format", "min_reader", "epoch", "serial", "parent", "master"}

// parseHeader reads the fixed first lines of a file without reading TOML.
func parseHeader(text []byte) (Header, error) {
	var values [len(headerFields)]string
	lines := bufio.NewScanner(bytes.NewReader(text[:min(len(text), 4096)]))
	for i, name := range headerFields {
		if !lines.Scan() {
			return Header{}, headerError{i + 1, fmt.Sprintf("should say what %s is, but the file ends before", name)}
		}
		value, ok := strings.CutPrefix(lines.Text(), name+" = ")
		if !ok {
			return Header{}, headerError{i + 1, fmt.Sprintf("should be \"%s = …\", and is %q", name, shorten(lines.Text()))}
		}
		values[i] = value
	}
	h, err := headerOf(values)
	if err == nil {
		_, h.Digest, _ = splitDigest(text)
	}
	return h, err
}

func headerOf(values [len(headerFields)]string) (h Header, err error) {
	var errs [len(headerFields)]error
	h.Format, errs[0] = strconv.Atoi(values[0])
	h.MinReader, errs[1] = strconv.Atoi(values[1])
	h.Epoch, errs[2] = strconv.ParseInt(values[2], 10, 64)
	h.Serial, errs[3] = strconv.ParseInt(values[3], 10, 64)
	h.Parent, errs[4] = unquote(values[4])
	h.Master, errs[5] = unquote(values[5])
	for i, e := range errs {
		if e != nil {
			return Header{}, headerError{i + 1, fmt.Sprintf("has %q for %s", shorten(values[i]), headerFields[i])}
		}
	}
	return h, nil
}

// headerError is a line of the header that is not as it should be.
type headerError struct {
	line int
	what string
}

func (e headerError) Error() string { return fmt.Sprintf("line %d %s", e.line, e.what) }

var errQuotes = errors.New("not in quotes")

func unquote(s string) (string, error) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' || strings.Count(s, "'") != 2 {
		return "", errQuotes
	}
	return s[1 : len(s)-1], nil
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
