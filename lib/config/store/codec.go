package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"gantry/lib/config"
)

// Format is the format this program writes, and the newest it reads.
const Format = 1

// minReader is the oldest format a program must know to read what this one writes.
const minReader = 1

// file is the whole of config.toml: the configuration, and the record at its end that shows that nothing was cut off.
type file struct {
	config.Config
	End end `toml:"end"`
}

type end struct {
	Nodes        int    `toml:"nodes"`
	NodeGroups   int    `toml:"nodegroups"`
	Networks     int    `toml:"networks"`
	Instances    int    `toml:"instances"`
	Disks        int    `toml:"disks"`
	Filters      int    `toml:"filters"`
	Reservations int    `toml:"reservations"`
	Digest       string `toml:"digest"` // sha256 of all lines before this one; the last line of the file
}

func endOf(c *config.Config) end {
	return end{
		Nodes: len(c.Nodes), NodeGroups: len(c.NodeGroups), Networks: len(c.Networks), Instances: len(c.Instances),
		Disks: len(c.Disks), Filters: len(c.Filters), Reservations: len(c.Reservations),
	}
}

// noDigest is what the encoder writes as the last line while the digest is not known.
const noDigest = "digest = ''\n"

// encode writes a configuration as the text of config.toml. Its digest is the version's identity. Objects that are as they were in base
// are written as there; base may be nil.
func encode(c *config.Config, base *version) (text []byte, digest string, err error) {
	var b bytes.Buffer
	if err := encodeBody(&b, pieces(c, base)); err != nil {
		return nil, "", fmt.Errorf("writing the configuration as TOML: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	digest = hex.EncodeToString(sum[:])
	fmt.Fprintf(&b, "digest = '%s'\n", digest)
	return b.Bytes(), digest, nil
}

// encodeBody writes all but the last line: the pieces of the file side by side, since the encoder is most of a large transaction's
// work on the master.
func encodeBody(b *bytes.Buffer, all []any) error {
	texts, errs := make([]bytes.Buffer, len(all)), make([]error, len(all))
	var encoders sync.WaitGroup
	for i, piece := range all {
		if _, written := piece.(string); !written {
			encoders.Go(func() { errs[i] = toml.NewEncoder(&texts[i]).Encode(piece) })
		}
	}
	encoders.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, piece := range all {
		if i > 0 {
			b.WriteByte('\n') // as the encoder separates tables
		}
		text, _ := piece.(string)
		b.WriteString(text)
		b.Write(texts[i].Bytes())
	}
	if !bytes.HasSuffix(b.Bytes(), []byte("\n"+noDigest)) {
		return errors.New("the encoder did not end with the digest")
	}
	b.Truncate(b.Len() - len(noDigest))
	return nil
}

// The pieces of a file, in its order.
type (
	head struct {
		Format    int     `toml:"format"`
		MinReader int     `toml:"min_reader"`
		Epoch     int64   `toml:"epoch"`
		Serial    int64   `toml:"serial"`
		Parent    string  `toml:"parent"`
		Master    string  `toml:"master"`
		Version   int     `toml:"version"`
		CTime     float64 `toml:"ctime"`
		MTime     float64 `toml:"mtime"`
	}
	common struct {
		Cluster    config.Cluster      `toml:"cluster"`
		Nodes      []*config.Node      `toml:"node,omitempty"`
		NodeGroups []*config.NodeGroup `toml:"nodegroup,omitempty"`
		Networks   []*config.Network   `toml:"network,omitempty"`
	}
	instances struct {
		Instances []*config.Instance `toml:"instance"`
	}
	disks struct {
		Disks []*config.Disk `toml:"disk"`
	}
	rest struct {
		Filters      []*config.Filter      `toml:"filter,omitempty"`
		Reservations []*config.Reservation `toml:"reservation,omitempty"`
		End          end                   `toml:"end"`
	}
)

// pieces takes a configuration apart, without copying its objects: each piece is a text of base, or still to be encoded.
func pieces(c *config.Config, base *version) []any {
	known := base.blocks()
	was := &config.Config{}
	if known.head != "" {
		was = base.config
	}
	all := []any{head{c.Format, c.MinReader, c.Epoch, c.Serial, c.Parent, c.Master, c.Version, c.CTime, c.MTime}}
	if known.head != "" && sameCommon(c, was) {
		all = append(all, known.common)
	} else {
		all = append(all, common{c.Cluster, c.Nodes, c.NodeGroups, c.Networks})
	}
	all = append(all, unwritten(c.Instances, was.Instances, known.instances, instanceUUID, func(some []*config.Instance) any { return instances{some} })...)
	all = append(all, unwritten(c.Disks, was.Disks, known.disks, diskUUID, func(some []*config.Disk) any { return disks{some} })...)
	return append(all, rest{c.Filters, c.Reservations, endOf(c)})
}

// decode reads the text of a config.toml; name is the file, for errors. It refuses what is damaged, cut or newer than this program.
func decode(name string, text []byte) (*config.Config, error) {
	h, err := parseHeader(text)
	if err != nil {
		return nil, damaged(name, 1, err)
	}
	if h.MinReader > Format {
		return nil, newer(name, h.Format)
	}
	var f file
	if err := toml.Unmarshal(text, &f); err != nil {
		return nil, damagedTOML(name, text, err)
	}
	if err := checkEnd(name, text, &f); err != nil {
		return nil, err
	}
	keepEmpty(&f.Config)
	return &f.Config, nil
}

// keepEmpty makes the nil maps that the decoder leaves for empty tables real ones: the encoder would leave them out, and a
// group connected to a network without parameters would lose the network.
func keepEmpty(c *config.Config) {
	cl := &c.Cluster
	all := []map[string]config.Params{cl.BEParams, cl.NICParams, cl.HVParams, cl.OSParams, cl.OSParamsPrivateCluster, cl.DiskParams, cl.HVStateStatic}
	nested := []map[string]map[string]config.Params{cl.OSHVP, cl.DiskStateStatic}
	for _, g := range c.NodeGroups {
		all = append(all, g.DiskParams, g.Networks, g.HVStateStatic)
		nested = append(nested, g.DiskStateStatic)
	}
	for _, n := range c.Nodes {
		all = append(all, n.HVStateStatic)
		nested = append(nested, n.DiskStateStatic)
	}
	for _, outer := range nested {
		for name, m := range outer {
			if m == nil {
				outer[name] = map[string]config.Params{}
			}
			all = append(all, m)
		}
	}
	for _, m := range all {
		for name, p := range m {
			if p == nil {
				m[name] = config.Params{}
			}
		}
	}
}

// checkEnd compares the record at the end with what was read.
func checkEnd(name string, text []byte, f *file) error {
	lines := bytes.Count(text, []byte("\n"))
	body, digest, ok := splitDigest(text)
	if !ok {
		return damaged(name, max(lines, 1), errors.New("the file is cut off: its last line is not the digest"))
	}
	want := endOf(&f.Config)
	want.Digest = f.End.Digest
	if f.End != want {
		return damaged(name, lines, fmt.Errorf("the record at the end counts %+v, the file has %+v", f.End, want))
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != digest {
		return damaged(name, lines, errors.New("the digest in the last line does not fit the lines before it: the file was changed by hand or damaged"))
	}
	return nil
}

// splitDigest returns the lines before the last, and the digest in the last.
func splitDigest(text []byte) (body []byte, digest string, ok bool) {
	const width = len("digest = ''\n") + 2*sha256.Size
	if len(text) < width {
		return nil, "", false
	}
	body, last := text[:len(text)-width], text[len(text)-width:]
	rest, ok := bytes.CutPrefix(last, []byte("digest = '"))
	if !ok || !bytes.HasSuffix(rest, []byte("'\n")) || len(body) == 0 || body[len(body)-1] != '\n' {
		return nil, "", false
	}
	return body, string(rest[:2*sha256.Size]), true
}
