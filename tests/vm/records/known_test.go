package records

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// known are the differences in what runs on the nodes that are meant. Each is a line
//
//	RECORD|RECORD:STEP|* REGEXP
//
// about one line of conformance.CommandsDiffer, and below it, indented, the reason.
type known []struct {
	where string
	line  *regexp.Regexp
}

func readKnown(path string) (list known, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	explained := true
	scan := bufio.NewScanner(f)
	for number := 1; scan.Scan(); number++ {
		line := scan.Text()
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t"):
			explained = true
		case !explained:
			return nil, fmt.Errorf("%s:%d: the entry before has no reason", path, number)
		default:
			where, pattern, _ := strings.Cut(line, " ")
			at, err := regexp.Compile("^" + pattern + "$")
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, number, err)
			}
			list = append(list, struct {
				where string
				line  *regexp.Regexp
			}{where, at})
			explained = false
		}
	}
	if !explained {
		return nil, fmt.Errorf("%s: the last entry has no reason", path)
	}
	return list, scan.Err()
}

func (k known) explains(record string, step int, line string) bool {
	for _, entry := range k {
		if slices.Contains([]string{"*", record, fmt.Sprintf("%s:%d", record, step)}, entry.where) && entry.line.MatchString(line) {
			return true
		}
	}
	return false
}
