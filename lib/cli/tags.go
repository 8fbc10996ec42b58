package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
)

// AddTags declares "add-tags" of a program. The noun is what has the tags, "" for the cluster itself.
func AddTags(noun string, op func(name string, tags []string) job.Operation) func(*Command) {
	return changeTags(noun, "added", "Adds tags", op)
}

// RemoveTags declares "remove-tags" of a program.
func RemoveTags(noun string, op func(name string, tags []string) job.Operation) func(*Command) {
	return changeTags(noun, "removed", "Removes tags", op)
}

// ListTags declares "list-tags" of a program.
func ListTags(noun string, tagsOf func(cfg *config.Config, name string) ([]string, error)) func(*Command) {
	return func(c *Command) {
		c.Usage(tagsSynopsis(noun, ""), "Lists the tags, one a line")
		var name string
		if noun != "" {
			c.One(noun, &name)
		}
		c.Run(func(_ context.Context, env *Env) error {
			cfg, err := env.Config()
			if err != nil {
				return err
			}
			tags, err := tagsOf(cfg, name)
			for _, t := range tags {
				env.Println("%s", t)
			}
			return err
		})
	}
}

func tagsSynopsis(noun, more string) string {
	switch noun {
	case "":
		return more
	case "instance", "node":
		noun += "-name"
	}
	return strings.TrimSpace("<" + noun + "> " + more)
}

func changeTags(noun, done, summary string, op func(name string, tags []string) job.Operation) func(*Command) {
	return func(c *Command) {
		c.Usage(tagsSynopsis(noun, "<tag>..."), summary)
		from := c.Flag("from", "Read more tags from this file, one a line; - is standard input").Meta("TAGS_SOURCE").String()
		Priority(c)
		Submit(c)
		var name string
		var tags []string
		if noun == "" {
			c.Any("tag", &tags)
		} else {
			c.Words(1, -1, func(args []string) { name, tags = args[0], args[1:] })
		}
		c.Run(func(ctx context.Context, env *Env) error {
			more, err := readTags(env, *from)
			if err != nil {
				return err
			}
			if tags = append(tags, more...); len(tags) == 0 {
				return fault.Refuse(fault.WrongInput, "No tags to be %s", done)
			}
			return env.Submit(ctx, op(name, tags))
		})
	}
}

// readTags reads the lines of a file of tags.
func readTags(env *Env, path string) ([]string, error) {
	var in io.Reader = env.In
	switch path {
	case "":
		return nil, nil
	case "-":
	default:
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var tags []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		tags = append(tags, lines.Text())
	}
	return tags, lines.Err()
}
