package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var image = bytes.Repeat([]byte("0123456789abcdef"), 1<<14)

// server offers image and notes the Range of each GET.
func server(t *testing.T) (url string, ranges *[]string) {
	ranges = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/image" {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodGet {
			*ranges = append(*ranges, r.Header.Get("Range"))
		}
		http.ServeContent(w, r, "image", time.Time{}, bytes.NewReader(image))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/image", ranges
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestFetchTakesUpAPart(t *testing.T) {
	for name, tt := range map[string]struct {
		part []byte // nil: none
		want []string
	}{
		"nothing there":      {nil, []string{""}},
		"the beginning":      {image[:1000], []string{"bytes=1000-"}},
		"something else":     {bytes.Repeat([]byte("x"), 1000), []string{"bytes=1000-", ""}},
		"longer than it all": {append(bytes.Clone(image), 'x'), []string{""}},
		"all of it":          {image, nil},
	} {
		t.Run(name, func(t *testing.T) {
			url, ranges := server(t)
			file := filepath.Join(t.TempDir(), "image")
			if tt.part != nil {
				if err := os.WriteFile(file+".part", tt.part, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := fetch(t.Context(), url, digest(image), file, time.Minute); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, image) {
				t.Errorf("the file has %d bytes (%v), want the image's %d", len(got), err, len(image))
			}
			if strings.Join(*ranges, " ") != strings.Join(tt.want, " ") || len(*ranges) != len(tt.want) {
				t.Errorf("ranges asked for: %q, want %q", *ranges, tt.want)
			}
			onlyFile(t, file)
		})
	}
}

// onlyFile wants file alone in its directory.
func onlyFile(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(file) {
			t.Errorf("%s stayed behind", e.Name())
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	url, _ := server(t)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	for name, tt := range map[string]struct{ url, digest, want string }{
		"another digest": {url, digest([]byte("other")), "does not have the SHA-256 given"},
		"no digest":      {url, "", "'' is not a SHA-256"},
		"not there":      {url + "s", digest(image), "the server answers 404 Not Found"},
		"silence":        {silent.URL, digest(image), "the server has sent nothing for 100ms"},
		"no such file":   {"file:///nonexistent/image", digest(image), "404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "image")
			err := fetch(t.Context(), tt.url, tt.digest, file, 100*time.Millisecond)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("fetch = %v, want %q in it", err, tt.want)
			}
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Errorf("the file is there all the same (%v)", err)
			}
		})
	}
}

func TestFetchReadsLocalFiles(t *testing.T) {
	dir := t.TempDir()
	source, file := filepath.Join(dir, "source"), filepath.Join(dir, "kept", "image")
	if err := os.WriteFile(source, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), "file://"+source, digest(image), file, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, image) {
		t.Errorf("the file has %d bytes (%v), want %d", len(got), err, len(image))
	}
}
