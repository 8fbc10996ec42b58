package drbd

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

// Setup is what drbdsetup show says of a side. Fields that are "" are not set up: no volumes when it is detached, no addresses
// when it is disconnected.
type Setup struct {
	Data, Meta    string
	Local, Remote string // ADDRESS:PORT
	TwoPrimaries  bool
}

// show asks for the setup. A minor that is not there is no failure: its output is empty.
func (d Device) show() remote.Cmd {
	c := remote.Command("drbdsetup", "show", d.minor())
	c.OK = []int{10}
	return c
}

// Show returns how the side is set up.
func (d Device) Show(ctx context.Context, r remote.Runner, node string) (Setup, error) {
	out, err := r.Run(ctx, node, d.show())
	if err != nil {
		return Setup{}, d.named(err, "can't read its setup")
	}
	return ParseShow(out.Stdout)
}

// attached says whether the side has the volumes of the device, or none where they are lost.
func (d Device) attached(s Setup) bool {
	return d.Diskless && s.Data == "" || s.Data == d.Data && s.Meta == d.Meta
}

// networked says whether the side is set up for this connection.
func (d Device) networked(s Setup) bool {
	ends := func(ip string) string { return bare(d.address(ip)) }
	return s.Local == ends(d.Local) && s.Remote == ends(d.Remote)
}

// bare is an address without its family.
func bare(address string) string {
	_, rest, _ := strings.Cut(address, ":")
	return rest
}

// ParseShow reads the output of drbdsetup show for one resource.
func ParseShow(out []byte) (Setup, error) {
	p := &showParser{words: showWords(string(out))}
	if err := p.block(""); err != nil {
		return Setup{}, fmt.Errorf("drbdsetup show: %w", err)
	}
	return p.setup, nil
}

// showWords splits the text: words, quoted texts, braces, semicolons; what follows # to the end of a line is a remark.
func showWords(text string) []string {
	var list []string
	for i := 0; i < len(text); {
		switch ch := text[i]; {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r':
			i++
		case ch == '#':
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				return list
			}
			i += end
		case ch == '{' || ch == '}' || ch == ';':
			list = append(list, string(ch))
			i++
		case ch == '"':
			end := strings.IndexByte(text[i+1:], '"')
			if end < 0 {
				return append(list, text[i:])
			}
			list = append(list, text[i:i+end+2])
			i += end + 2
		default:
			end := strings.IndexAny(text[i:], " \t\r\n{};\"#")
			if end < 0 {
				end = len(text) - i
			}
			list = append(list, text[i:i+end])
			i += end
		}
	}
	return list
}

type showParser struct {
	words []string
	setup Setup
	depth int
}

// deepest is more than drbdsetup ever nests.
const deepest = 16

func (p *showParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// block reads statements up to the closing brace. where is the path of the blocks around, such as "resource/_this_host/volume".
func (p *showParser) block(where string) error {
	if p.depth++; p.depth > deepest {
		return fmt.Errorf("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	var statement []string
	for {
		switch word := p.next(); word {
		case "":
			if where != "" || len(statement) > 0 {
				return fmt.Errorf("it ends in the middle of %q", strings.Join(statement, " "))
			}
			return nil
		case "}":
			if where == "" {
				return fmt.Errorf("a brace too many")
			}
			return nil
		case "{":
			if len(statement) == 0 {
				return fmt.Errorf("a block without a name")
			}
			if err := p.block(where + "/" + statement[0]); err != nil {
				return err
			}
			statement = nil
		case ";":
			p.statement(where, statement)
			statement = nil
		default:
			statement = append(statement, word)
		}
	}
}

func (p *showParser) statement(where string, words []string) {
	if len(words) < 2 {
		return
	}
	value := words[len(words)-1]
	if text, err := strconv.Unquote(value); err == nil {
		value = text
	}
	switch {
	case strings.HasSuffix(where, "/_this_host") && words[0] == "address":
		p.setup.Local = value
	case strings.HasSuffix(where, "/_remote_host") && words[0] == "address":
		p.setup.Remote = value
	case strings.HasSuffix(where, "/volume") && words[0] == "disk":
		p.setup.Data = value
	case strings.HasSuffix(where, "/volume") && words[0] == "meta-disk":
		p.setup.Meta = value
	case strings.HasSuffix(where, "/net") && words[0] == "allow-two-primaries":
		p.setup.TwoPrimaries = value == "yes"
	}
}
