package vmlab

import (
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"gantry/tests/lab"
)

// files are what the image is made with and what it has besides packages: process 1 of a node until its disk is there, and that
// of a small instance.
//
//go:embed image
var files embed.FS

// Image is the folder with what all machines start from. No lab changes it.
type Image string

func (i Image) root() string   { return filepath.Join(string(i), "root.img") }
func (i Image) kernel() string { return filepath.Join(string(i), "kernel.img") }
func (i Image) initrd() string { return filepath.Join(string(i), "initrd.img") }

// cache has a folder for each image and each system.
const cache = "/var/cache/gantry-vmlab"

// unusedFor is how long an image that no lab was started from is kept, and a system that nobody asked for.
const unusedFor = 14 * 24 * time.Hour

// FindImage finds the image in the cache, or builds it, which takes a minute or several. say tells that it does.
func FindImage(say func(string)) (Image, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("a lab needs root")
	}
	release, err := lab.OSRelease("VERSION_CODENAME")
	if err != nil {
		return "", err
	}
	key, err := imageKey(release)
	if err != nil {
		return "", err
	}
	dir, err := cached(key, func(fresh string) error {
		say("building the image of the virtual machines")
		return build(fresh, release)
	})
	return Image(dir), err
}

// findUML finds Debian's user mode Linux in the cache, or puts it there.
func findUML(say func(string)) (string, error) {
	sum := sha256.New()
	node, err := files.ReadFile("image/node")
	if err != nil {
		return "", err
	}
	mirror, err := lab.DebianMirror()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(sum, "%s%s%s", umlRelease, makeUML, node)
	return cached(fmt.Sprintf("uml-%x", sum.Sum(nil))[:12], func(fresh string) error {
		say("fetching user mode Linux")
		if err := os.CopyFS(fresh, files); err != nil {
			return err
		}
		return apart(fresh, "-c", makeUML, "uml", fresh, filepath.Join(fresh, "image"), mirror.String(), umlRelease)
	})
}

// cached gives the folder of the cache that has that name. If there is none, make fills it; it gets its name when it is complete.
func cached(name string, make func(dir string) error) (string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close() // and with it the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, os.Chtimes(dir, time.Now(), time.Now())
	}
	removeOld()
	fresh := dir + ".new"
	defer os.RemoveAll(fresh)
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return "", err
	}
	if err := make(fresh); err != nil {
		return "", err
	}
	return dir, os.Rename(fresh, dir)
}

// imageKey names an image after everything that it is made of, but for the versions of packages.
func imageKey(release string) (string, error) {
	sum := sha256.New()
	io.WriteString(sum, release+"\n")
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil))[:16], err
}

// removeOld removes what nobody has used for a while, and what builds that were ended left.
func removeOld() {
	list, _ := os.ReadDir(cache)
	for _, entry := range list {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && (strings.HasSuffix(entry.Name(), ".new") || time.Since(info.ModTime()) > unusedFor) {
			os.RemoveAll(filepath.Join(cache, entry.Name()))
		}
	}
}

// build makes an image in a folder.
func build(dir, release string) error {
	from := filepath.Join(dir, "image")
	if err := os.CopyFS(dir, files); err != nil {
		return err
	}
	mirror, err := lab.DebianMirror()
	if err != nil {
		return err
	}
	sources, err := debianSources()
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
		return err
	}
	return apart(dir, filepath.Join(from, "build.sh"), dir, from, release, mirror.String(), list)
}

// apart runs a shell script in namespaces of its own, with a log in a folder: what it has started and mounted ends with it, and it
// ends with this process.
func apart(dir string, script ...string) error {
	log, err := os.Create(filepath.Join(dir, "build.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("unshare", append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh"}, script...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the child dies, in truth, with the thread that started it
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w\n%s", script[0], err, text[max(0, len(text)-4000):])
	}
	return nil
}

// debianSources are those of this machine's apt sources that are Debian's, as a list of one line each.
func debianSources() (string, error) {
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("asking apt for its sources: %w", err)
	}
	return sourceList(string(out)), nil
}

// sourceList leaves out what others offer: their keys are not in the image. A field that apt does not know it gives back as it
// was asked for.
func sourceList(targets string) string {
	var b strings.Builder
	for line := range strings.Lines(targets) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) == 4 && (f[3] == "Debian" || (f[3] == "$(ORIGIN)" || f[3] == "") && strings.Contains(f[0], "/debian")) {
			fmt.Fprintf(&b, "deb %s %s %s\n", f[0], f[1], f[2])
		}
	}
	return b.String()
}
