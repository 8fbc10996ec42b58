package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
)

// aConfiguration puts the configuration of a real cluster into env's data directory.
func aConfiguration(t *testing.T, env *Env) *config.Config {
	t.Helper()
	data, err := os.ReadFile("../config/testdata/config.data.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.FromGaneti(data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(env.paths.data)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// The ssconf file may be older than the configuration, which is what counts.
func TestNothingIsWrittenWhereTheConfigurationNamesAnotherMaster(t *testing.T) {
	env, _, _ := testEnv(t)
	if err := os.WriteFile(filepath.Join(env.paths.data, "ssconf_master_node"), []byte("node2.example.com\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env.hostname = func() (string, error) { return "node2", nil }
	aConfiguration(t, env)
	s, err := env.Store()
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Header()
	if err != nil {
		t.Fatal(err)
	}
	var not *store.NotMaster
	_, err = s.Update(t.Context(), nil, func(*config.Config) error { return nil })
	if !errors.As(err, &not) || not.Node != "node2.example.com" || not.Master != "node1.example.com" {
		t.Errorf("Update = %v, want a refusal", err)
	}
	if after, err := s.Header(); err != nil || after != before {
		t.Errorf("%v is now %v, %v", before, after, err)
	}
}

func TestAMasterWithoutItsConfigurationSaysWhatToDo(t *testing.T) {
	env, _, _ := testEnv(t)
	beMaster(t, env)
	_, err := env.Config()
	text, status := fault.Text(err)
	if status != 2 || !strings.Contains(text, filepath.Join(env.paths.data, "config.toml")) || !strings.Contains(text, "Every master candidate has a copy") {
		t.Errorf("status %d\n%s", status, text)
	}
}
