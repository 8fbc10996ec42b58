package text

import (
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/balance"
)

// Kinds of storage stand in a column of their own behind the reference's, which it passes over:
// storage=KIND:TOTAL:FREE,… of a node, storage=KIND:SIZE,… of an instance.
const storage = "storage="

// column finds it among the fields behind the first count.
func column(f []string, count int) (list []string, ok bool) {
	for _, field := range f[min(count, len(f)):] {
		if text, found := strings.CutPrefix(field, storage); found {
			return strings.Split(text, ","), true
		}
	}
	return nil, false
}

func readKinds(f []string) (kinds []balance.Kind, err error) {
	list, _ := column(f, 15)
	for _, text := range list {
		name, sizes, err := entry(f[0], text, 2)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, balance.Kind{Name: name, Total: sizes[0], Free: sizes[1]})
	}
	return kinds, nil
}

func readNeeds(f []string) (needs []balance.Need, err error) {
	list, _ := column(f, 13)
	for _, text := range list {
		name, sizes, err := entry(f[0], text, 1)
		if err != nil {
			return nil, err
		}
		needs = append(needs, balance.Need{Kind: name, MiB: sizes[0]})
	}
	return needs, nil
}

// entry reads a name and sizes, with colons between.
func entry(owner, text string, count int) (name string, sizes []int, err error) {
	parts := strings.Split(text, ":")
	for _, part := range parts[1:] {
		size, err := strconv.Atoi(part)
		if err != nil || size < 0 {
			return "", nil, fmt.Errorf("Invalid storage '%s' of %s", text, owner)
		}
		sizes = append(sizes, size)
	}
	if parts[0] == "" || len(sizes) != count {
		return "", nil, fmt.Errorf("Invalid storage '%s' of %s", text, owner)
	}
	return parts[0], sizes, nil
}

// writeKinds makes the column of a node with a bar before it; nothing when it has none.
func writeKinds(kinds []balance.Kind) string {
	return writeColumn(len(kinds), func(k int) string { return fmt.Sprintf("%s:%d:%d", kinds[k].Name, kinds[k].Total, kinds[k].Free) })
}

func writeNeeds(needs []balance.Need) string {
	return writeColumn(len(needs), func(k int) string { return fmt.Sprintf("%s:%d", needs[k].Kind, needs[k].MiB) })
}

func writeColumn(count int, show func(int) string) string {
	if count == 0 {
		return ""
	}
	var parts []string
	for k := range count {
		parts = append(parts, show(k))
	}
	return "|" + storage + strings.Join(parts, ",")
}
