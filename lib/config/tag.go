package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gantry/lib/fault"
)

const (
	maxTagLen  = 128
	maxTagsPer = 4096
)

// inTags takes letters and digits of any script, as Ganeti does, but no newline at the end, which Ganeti lets pass.
func inTags(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || strings.ContainsRune("_.+*/:@-", r)
}

// CheckTag refuses what is no tag.
func CheckTag(tag string) error {
	switch {
	case utf8.RuneCountInString(tag) > maxTagLen:
		return fault.New(fault.Tag, "Tag too long (>%d characters)", maxTagLen)
	case tag == "":
		return fault.New(fault.Tag, "Tags cannot be empty")
	case strings.ContainsFunc(tag, func(r rune) bool { return !inTags(r) }):
		return fault.New(fault.Tag, "Tag contains invalid characters")
	}
	return nil
}

// AddTags returns the tags with more of them, sorted, each once.
func AddTags(tags []string, more ...string) ([]string, error) {
	out := slices.Clone(tags)
	for _, tag := range more {
		if err := CheckTag(tag); err != nil {
			return nil, err
		}
		if len(out) >= maxTagsPer {
			return nil, fault.New(fault.Tag, "Too many tags")
		}
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	slices.Sort(out)
	return out, nil
}

// RemoveTags returns the tags without some that must be among them.
func RemoveTags(tags []string, less ...string) ([]string, error) {
	out := slices.Clone(tags)
	for _, tag := range less {
		i := slices.Index(out, tag)
		if i < 0 {
			return nil, fault.New(fault.Tag, "Tag not found")
		}
		out = slices.Delete(out, i, i+1)
	}
	return out, nil
}
