// Package store reads and writes the cluster's configuration: config.toml in the data directory of the master and of every
// master candidate.
//
// Only the master writes, in transactions: under a lock it applies a function to a copy, checks the whole, puts the text on the
// disk of every candidate beside the old one (stage), then lets a fixed script put it in place on each (commit), and last renames
// its own. That rename is the moment the transaction is committed. Before the first candidate commits, the new version lies in
// config.toml.pending here: a master that dies in between finishes it at the next Update, Fence or Settle, whatever the candidates
// have seen of it. Versions are ordered by (epoch, serial). The epoch is raised by TakeOver alone, and whoever meets a higher one stops.
//
// What the files and scripts promise, what a crash leaves, and what was decided against is in DESIGN.md.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// Names in the data directory. The scripts know them too.
const (
	fileName        = "config.toml"
	pendingName     = "config.toml.pending"       // a version that some candidates may have and this master has not committed
	newName         = ".config.toml.new"          // being written; once it is whole, what the pending one was before a power cut
	replicaLock     = ".config.toml.lock"         // held while a file is compared and replaced
	transactionLock = ".config.toml.transaction"  // held for a whole transaction
	stagedPrefix    = ".config.toml.staged."      // on candidates
	defaultRunDir   = "/run/ganeti/gantry/config" // what may be lost at a reboot
)

// Store is the configuration in one data directory.
type Store struct {
	Node   string           // name of the node this runs on; where it is set, only the master may change anything
	RunDir string           // for what may be lost at a reboot (which candidates are slow); "" keeps nothing
	Now    func() time.Time // the clock
	Inject remote.Injection // marks every write, fsync and rename, for crash tests

	dir string

	mu       sync.Mutex
	snapshot *version // the version last read or written
	pinned   int64    // the epoch this program works in; 0 before the first look
	hints    hintsCache
}

// Open returns the store of a data directory, without reading anything.
func Open(dir string) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("the data directory %q is not an absolute path", dir)
	}
	return &Store{RunDir: defaultRunDir, Now: time.Now, Inject: remote.Inject, dir: dir}, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// File is the path of the configuration.
func (s *Store) File() string { return s.path(fileName) }

// Exists says whether this node has a configuration: it is, or was, the master or a candidate.
func (s *Store) Exists() (bool, error) {
	_, err := os.Lstat(s.File())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Pin makes the store work in one epoch only, that of the job it serves: a later one is another master's.
func (s *Store) Pin(epoch int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pinned = epoch
}

// Header reads the identity of the current version without reading the rest of the file. A missing file is fs.ErrNotExist.
func (s *Store) Header() (Header, error) { return readHeader(s.File()) }

// readHeader reads both ends of a file.
func readHeader(name string) (Header, error) {
	f, err := os.Open(name)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Header{}, err
	}
	h, err := parseHeader(head[:n])
	if err != nil {
		return Header{}, damaged(name, 1, err)
	}
	info, err := f.Stat()
	if err != nil {
		return Header{}, err
	}
	tail := make([]byte, min(info.Size(), 512))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return Header{}, err
	}
	_, h.Digest, _ = splitDigest(tail)
	return h, nil
}

// Load returns the current version. It is shared: nobody may change it. A missing file is fs.ErrNotExist.
func (s *Store) Load() (*config.Config, error) {
	v, err := s.load()
	if err != nil {
		return nil, err
	}
	return v.config, nil
}

// load reads the file only if it is another version than the one at hand.
func (s *Store) load() (*version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.Header()
	if err != nil {
		return nil, err
	}
	if err := s.checkEpoch(h); err != nil {
		return nil, err
	}
	if s.snapshot != nil && h == s.snapshot.header && h.Digest != "" {
		return s.snapshot, nil
	}
	text, err := os.ReadFile(s.File())
	if err != nil {
		return nil, err
	}
	v, err := readVersion(s.File(), text) // the file may have been replaced since its header was read
	if err != nil {
		return nil, err
	}
	if err := s.checkEpoch(v.header); err != nil {
		return nil, err
	}
	s.snapshot = v
	return v, nil
}

// checkEpoch stops a program whose epoch is over: another master has written this node's copy.
func (s *Store) checkEpoch(h Header) error {
	if s.pinned == 0 {
		s.pinned = h.Epoch
	}
	if h.Epoch > s.pinned {
		return &Fenced{Node: "this node", Theirs: h, Epoch: s.pinned}
	}
	return nil
}

// checkMaster refuses on a node that is not the master. A candidate's copy is no less complete, but not its own to change.
func (s *Store) checkMaster(h Header) error {
	if s.Node == "" || s.Node == h.Master {
		return nil
	}
	return &NotMaster{Node: s.Node, Master: h.Master}
}

// remember makes a version that was just committed the one at hand.
func (s *Store) remember(v *version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot, s.pinned = v, v.header.Epoch
}

// Create writes the first version of a new cluster's configuration.
func (s *Store) Create(ctx context.Context, c *config.Config) error {
	unlock, err := s.lock(ctx, transactionLock)
	if err != nil {
		return err
	}
	defer unlock()
	if exists, err := s.Exists(); err != nil || exists {
		return errors.Join(err, fmt.Errorf("%s exists already", s.File()))
	}
	next := c.Clone()
	next.Epoch, next.Serial, next.Parent = 1, 1, ""
	if err := s.stamp(next); err != nil {
		return err
	}
	v, err := newVersion(next, nil)
	if err != nil {
		return err
	}
	if errs := next.Validate(); errs != nil {
		return &Invalid{errs}
	}
	if err := v.readBack(nil); err != nil {
		return err
	}
	if err := s.remove(newName); err != nil {
		return err
	}
	if err := s.writeNew(v.text); err != nil {
		return errors.Join(err, s.remove(newName))
	}
	if err := errors.Join(s.rename(newName, fileName), s.syncDir()); err != nil {
		return err
	}
	s.remember(v)
	return nil
}

// version is one version of the configuration in all its forms. It is shared, and nobody may change it.
type version struct {
	config *config.Config
	header Header
	text   []byte
	once   sync.Once
	parts  blocks // of the text, once somebody has asked for them
}

// stamp writes into a configuration what it says of itself.
func (s *Store) stamp(c *config.Config) error {
	master := c.MasterNode()
	if master == nil {
		return &Invalid{[]error{fmt.Errorf("cluster has invalid primary node %s", c.Cluster.MasterNode)}}
	}
	c.Format, c.MinReader, c.Version, c.Master = Format, minReader, config.GanetiVersion, master.Name
	c.MTime = config.Seconds(s.Now())
	return nil
}

// newVersion encodes a configuration that has its stamp and was made from base. Before the text is put in place anywhere it has to be read back.
func newVersion(c *config.Config, base *version) (*version, error) {
	text, _, err := encode(c, base)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(text)
	return &version{config: c, header: h, text: text}, err
}

// readBack makes the configuration what the text says: better no new version than one that cannot be read.
func (v *version) readBack(base *version) error {
	c, err := v.readAfter(base)
	v.config = c
	return err
}

func readVersion(name string, text []byte) (*version, error) {
	c, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return nil, damaged(name, 1, err)
	}
	return &version{config: c, header: h, text: text}, nil
}
