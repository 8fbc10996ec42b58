package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest   = regexp.MustCompile("`[a-z/]*\\.?(Test[A-Za-z0-9]+)`")
	writtenTest = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
)

// TestDesignsNameTestsThatExist keeps the tables of what shows a sentence of the design from naming tests that are gone.
func TestDesignsNameTestsThatExist(t *testing.T) {
	written := map[string]bool{}
	var designs []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
		case entry.Name() == "DESIGN.md":
			designs = append(designs, path)
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			for _, found := range writtenTest.FindAllStringSubmatch(string(text), -1) {
				written[found[1]] = true
			}
			return err
		}
		return err
	})
	if err != nil || len(designs) < 3 {
		t.Fatal(designs, err)
	}
	for _, path := range designs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range namedTest.FindAllStringSubmatch(string(text), -1) {
			if !written[found[1]] {
				t.Errorf("%s: there is no %s", path, found[1])
			}
		}
	}
}
