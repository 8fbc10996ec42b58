package store

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"gantry/lib/config"
)

// blocks is the text of a file taken apart. An object whose block is in two versions is the same in both: it need be neither written
// nor read again, and of a large configuration a transaction changes very little.
type blocks struct {
	head      string   // the lines before the first table
	common    string   // cluster, nodes, groups, networks
	instances []string // one each, in the file's order
	disks     []string
	rest      string
}

// Where the tables of each part begin.
const (
	commonTable   = "[cluster]\n"
	instanceTable = "[[instance]]\n"
	diskTable     = "[[disk]]\n"
)

// split takes a text apart. Tables within an object have its name and a dot in front, and strings have no line breaks.
func split(text string) (b blocks) {
	add := func(part string) {
		switch {
		case strings.HasPrefix(part, commonTable):
			b.common = part
		case strings.HasPrefix(part, instanceTable):
			b.instances = append(b.instances, part)
		case strings.HasPrefix(part, diskTable):
			b.disks = append(b.disks, part)
		case b.head == "":
			b.head = part
		default:
			b.rest = part
		}
	}
	inRest := false
	for at := 0; !inRest; {
		i := strings.Index(text[at:], "\n\n[")
		if i < 0 {
			break
		}
		at += i + len("\n\n")
		next := text[at:]
		inRest = strings.HasPrefix(next, "[[filter]]\n") || strings.HasPrefix(next, "[[reservation]]\n") || strings.HasPrefix(next, "[end]\n")
		if inRest || strings.HasPrefix(next, commonTable) || strings.HasPrefix(next, instanceTable) || strings.HasPrefix(next, diskTable) {
			add(text[:at-1])
			text, at = next, 0
		}
	}
	add(text)
	return b
}

// blocks is what a version's text says of its objects: nothing, unless there is a block for each. The text is taken apart once.
func (v *version) blocks() blocks {
	if v == nil {
		return blocks{}
	}
	v.once.Do(func() { v.parts = v.takeApart() })
	return v.parts
}

func (v *version) takeApart() blocks {
	if v.header.Format != Format {
		return blocks{}
	}
	b := split(string(v.text))
	if b.common == "" || !each(b.instances, v.config.Instances, instanceTable, instanceUUID) || !each(b.disks, v.config.Disks, diskTable, diskUUID) {
		return blocks{}
	}
	return b
}

func instanceUUID(i *config.Instance) string { return i.UUID }
func diskUUID(d *config.Disk) string         { return d.UUID }

// each says whether the texts are those of the objects.
func each[T any](texts []string, objects []*T, table string, uuid func(*T) string) bool {
	if len(texts) != len(objects) {
		return false
	}
	for i, o := range objects {
		if !strings.HasPrefix(texts[i], table+"uuid = '"+uuid(o)+"'\n") {
			return false
		}
	}
	return true
}

// sameCommon says whether two configurations have the same in what is one block of the file.
func sameCommon(a, b *config.Config) bool {
	return reflect.DeepEqual(&a.Cluster, &b.Cluster) && reflect.DeepEqual(a.Nodes, b.Nodes) &&
		reflect.DeepEqual(a.NodeGroups, b.NodeGroups) && reflect.DeepEqual(a.Networks, b.Networks)
}

// pieceSize is how many objects are worth an encoder of their own.
const pieceSize = 50

// unwritten returns the pieces of a list of objects: the text of each that is as it was, and what wrap makes of the others.
func unwritten[T any](now, was []*T, texts []string, uuid func(*T) string, wrap func([]*T) any) (all []any) {
	known := map[string]int{}
	for i := range texts {
		known[uuid(was[i])] = i
	}
	from := 0
	encode := func(to int) {
		for some := range slices.Chunk(now[from:to], pieceSize) {
			all = append(all, wrap(some))
		}
	}
	for i, o := range now {
		if k, ok := known[uuid(o)]; ok && reflect.DeepEqual(o, was[k]) {
			encode(i)
			all, from = append(all, texts[k]), i+1
		}
	}
	encode(len(now))
	return all
}

// maxRuns is how many runs are worth telling one by one.
const maxRuns = 100

// since says how the text is put together from that of base, which a candidate has: news is what is not in it, and runs are as
// replica.pl wants them. small says that this is worth it.
func (v *version) since(base *version) (news []byte, runs string, small bool) {
	if base == nil {
		return nil, "", false
	}
	was, now := base.blocks(), v.blocks()
	if was.head == "" || now.head == "" {
		return nil, "", false
	}
	at, offset := map[string]int{}, 0
	for _, text := range was.all() {
		at[text] = offset
		offset += len(text) + len("\n")
	}
	const isNew = -1
	type run struct{ from, length int }
	var list []run
	offset = 0
	for _, part := range now.all() {
		text := v.text[offset:min(offset+len(part)+len("\n"), len(v.text))]
		offset += len(text)
		from, known := at[part]
		if !known {
			from, news = isNew, append(news, text...)
		}
		last := len(list) - 1
		if last >= 0 && (from == isNew) == (list[last].from == isNew) && (from == isNew || from == list[last].from+list[last].length) {
			list[last].length += len(text)
		} else {
			list = append(list, run{from, len(text)})
		}
	}
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = strconv.Itoa(r.length)
		if r.from != isNew {
			words[i] = fmt.Sprintf("=%d+%d", r.from, r.length)
		}
	}
	return news, strings.Join(words, ","), len(list) <= maxRuns && len(news) < len(v.text)/2
}

// all returns the parts in the order of the file, in which a line break separates them.
func (b blocks) all() []string {
	return slices.Concat([]string{b.head, b.common}, b.instances, b.disks, []string{b.rest})
}

// readAfter reads a version that was made from another: only what that one has not.
func (v *version) readAfter(base *version) (*config.Config, error) {
	was, now := base.blocks(), v.blocks()
	if was.head == "" || now.head == "" {
		return decode("the new configuration", v.text)
	}
	same := now.common == was.common
	if same {
		now.common = ""
	}
	instances, newInstances := unread(now.instances, was.instances, base.config.Instances)
	disks, newDisks := unread(now.disks, was.disks, base.config.Disks)
	var f file
	text := strings.Join(slices.Concat([]string{now.head, now.common}, newInstances, newDisks, []string{now.rest}), "\n")
	if err := toml.Unmarshal([]byte(text), &f); err != nil {
		return nil, damagedTOML("the new configuration", []byte(text), err)
	}
	keepEmpty(&f.Config)
	if same {
		f.Cluster, f.Nodes, f.NodeGroups, f.Networks = base.config.Cluster, base.config.Nodes, base.config.NodeGroups, base.config.Networks
	}
	f.Instances, f.Disks = instances(f.Instances), disks(f.Disks)
	return &f.Config, checkEnd("the new configuration", v.text, &f)
}

// unread returns the texts that are not among those of the objects that were, and what puts all objects in order once these are read.
func unread[T any](now, was []string, objects []*T) (all func(read []*T) []*T, texts []string) {
	known := make(map[string]*T, len(was))
	for i, text := range was {
		known[text] = objects[i]
	}
	for _, text := range now {
		if known[text] == nil {
			texts = append(texts, text)
		}
	}
	return func(read []*T) []*T {
		if len(read) != len(texts) {
			return read // checkEnd will say so
		}
		var list []*T
		for _, text := range now {
			o := known[text]
			if o == nil {
				o, read = read[0], read[1:]
			}
			list = append(list, o)
		}
		return list
	}, texts
}
