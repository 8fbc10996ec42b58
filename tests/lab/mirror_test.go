package lab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestMirrorIsTheOneThatAptHasForItsRelease(t *testing.T) {
	const third = "https://third.example.org/linux|bookworm|bookworm|main|Third\n"
	for name, tt := range map[string]struct{ targets, want string }{
		"first of Debian's":       {third + "http://a.example.org/debian/|bookworm|bookworm|main|Debian\nhttp://b.example.org/debian/|bookworm|bookworm|main|Debian\n", "http://a.example.org/debian"},
		"not updated yet":         {"http://a.example.org/debian/|bookworm|$(CODENAME)|main|$(ORIGIN)\n", "http://a.example.org/debian"},
		"by suite":                {"http://a.example.org/debian/|stable|bookworm|main|Debian\n", "http://a.example.org/debian"},
		"security and other ones": {"http://a.example.org/debian-security/|bookworm-security|bookworm-security|main|Debian\n" + third, ""},
		"on a disc":               {"cdrom:[Debian]/|bookworm|bookworm|main|Debian\n", ""},
	} {
		u, err := pickMirror(tt.targets, "bookworm")
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%s: got %s, want none", name, u)
		case tt.want != "" && (err != nil || u.String() != tt.want):
			t.Errorf("%s: got %v, %v, want %s", name, u, err, tt.want)
		}
	}
}

func TestMirrorOnlyReads(t *testing.T) {
	var asked []string
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		io.WriteString(w, "a package")
	}))
	defer upstream.Close()
	base, err := url.Parse(upstream.URL + "/some/debian")
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(forwarder(base, http.DefaultTransport))
	defer front.Close()
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/debian/pool/a_1+b.deb", 200}, {"HEAD", "/debian/dists/x", 200}, {"POST", "/debian/x", 405}, {"PUT", "/debian/x", 405},
		{"GET", "/other/x", 404}, {"GET", "/debian/../secret", 404}, {"GET", "http://elsewhere.example.org/debian/y", 200},
	} {
		r, err := http.NewRequest(tt.method, front.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(tt.path, "http") {
			r.Host = "elsewhere.example.org" // where a request goes is never the client's choice
			r.URL.Path = "/debian/y"
		} else {
			r.URL.Path = tt.path
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.path, answer.StatusCode, tt.status)
		}
	}
	want := "GET /some/debian/pool/a_1+b.deb, HEAD /some/debian/dists/x, GET /some/debian/y"
	if got := strings.Join(asked, ", "); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

// TestNodesReachTheMirror asks the machine's own mirror for one small file.
func TestNodesReachTheMirror(t *testing.T) {
	l := Start(t, Options{Nodes: 2, Mirror: true})
	release, err := OSRelease("VERSION_CODENAME")
	if err != nil {
		t.Fatal(err)
	}
	fetch := `exec 3<>/dev/tcp/192.0.2.254/3142; printf 'GET /debian/dists/` + release + `/Release HTTP/1.0\r\n\r\n' >&3; cat <&3 | grep -m 1 Codename:`
	if got := l.Must(t, "node2", fetch); got != "Codename: "+release+"\n" {
		t.Errorf("through the mirror: %q", got)
	}
	if r := l.Run("node2", "timeout 3 bash -c 'echo >/dev/tcp/192.0.2.254/80'"); r.Status == 0 {
		t.Error("something else than the mirror answers outside")
	}
}
