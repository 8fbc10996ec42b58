package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
	"syscall"
)

// MirrorURL is where nodes and guests find the Debian mirror that this machine's apt is configured with, if the lab was
// started with Mirror. It is the only thing outside a lab that they can reach.
const MirrorURL = "http://" + mirrorAddress + "/debian"

const mirrorAddress = Outside + ":3142"

// openMirror serves MirrorURL if the lab is to have it. Requests go out from this process, on the machine's own network.
func (c config) openMirror(world int) error {
	if !c.Mirror {
		return nil
	}
	mirror, err := DebianMirror()
	if err != nil {
		return err
	}
	transport, err := aptTransport()
	if err != nil {
		return err
	}
	l, err := listenIn(world, mirrorAddress)
	if err != nil {
		return fmt.Errorf("opening %s: %w", MirrorURL, err)
	}
	go http.Serve(l, forwarder(mirror, transport))
	return nil
}

// forwarder passes on what only reads.
func forwarder(mirror *url.URL, transport http.RoundTripper) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = strings.TrimPrefix(path.Clean(r.In.URL.Path), "/debian")
			r.Out.URL.RawPath = ""
			r.SetURL(mirror)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		case !strings.HasPrefix(path.Clean(r.URL.Path)+"/", "/debian/"):
			http.NotFound(w, r)
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}

// DebianMirror asks apt where this machine gets its own release from.
func DebianMirror() (*url.URL, error) {
	release, err := OSRelease("VERSION_CODENAME")
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)", "Created-By: Packages").Output()
	if err != nil {
		return nil, fmt.Errorf("asking apt for its sources: %w", err)
	}
	return pickMirror(string(out), release)
}

// pickMirror takes the first source of the release's main component that is Debian's own. A field that apt does not know it
// gives back as it was asked for.
func pickMirror(targets, release string) (*url.URL, error) {
	for line := range strings.Lines(targets) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 5 || f[1] != release && f[2] != release || f[3] != "main" || f[4] != "Debian" && f[4] != "$(ORIGIN)" && f[4] != "" {
			continue
		}
		u, err := url.Parse(strings.TrimSuffix(f[0], "/"))
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") {
			return u, nil
		}
	}
	return nil, fmt.Errorf("apt has no HTTP source for the main component of %s", release)
}

// OSRelease is what /etc/os-release has for a key.
func OSRelease(key string) (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", errors.New("/etc/os-release has no " + key)
}

// aptTransport goes through the proxy that apt uses, else through that of the environment, else none.
func aptTransport() (*http.Transport, error) {
	out, err := exec.Command("apt-config", "shell", "proxy", "Acquire::http::Proxy").Output()
	if err != nil {
		return nil, fmt.Errorf("asking apt for its proxy: %w", err)
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true}
	_, value, set := strings.Cut(strings.TrimSpace(string(out)), "=")
	value = strings.Trim(value, "'")
	switch {
	case !set || value == "":
	case value == "DIRECT":
		t.Proxy = nil
	default:
		u, err := url.Parse(value)
		if err != nil {
			return nil, err
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

// setns is the number of the system call, which package syscall lacks.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

// listenIn opens a TCP port in the network of another process. The thread that went there is thrown away.
func listenIn(pid int, address string) (l net.Listener, err error) {
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	defer network.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(setns, network.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
			err = errno
			return
		}
		l, err = net.Listen("tcp", address)
	}()
	<-done
	return l, err
}
