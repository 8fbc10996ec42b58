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

// cache has a folder for each image.
const cache = "/var/cache/gantry-vmlab"

// unusedFor is how long an image that no lab was started from is kept.
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
	image := Image(filepath.Join(cache, key))
	if _, err := os.Stat(string(image)); err == nil {
		return image, os.Chtimes(string(image), time.Now(), time.Now())
	}
	removeOld()
	say("building the image of the virtual machines")
	return image, build(image, release)
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

// removeOld removes images that nobody has used for a while, and what builds that were ended left.
func removeOld() {
	list, _ := os.ReadDir(cache)
	for _, entry := range list {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && (strings.HasSuffix(entry.Name(), ".new") || time.Since(info.ModTime()) > unusedFor) {
			os.RemoveAll(filepath.Join(cache, entry.Name()))
		}
	}
}

// build makes an image. It gets its name when it is complete.
func build(image Image, release string) error {
	fresh := string(image) + ".new"
	defer os.RemoveAll(fresh)
	from := filepath.Join(fresh, "image")
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(fresh, files); err != nil {
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
	list := filepath.Join(fresh, "sources.list")
	if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(fresh, "build.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", filepath.Join(from, "build.sh"), fresh, from, release, mirror.String(), list)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the child dies, in truth, with the thread that started it
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("building the image: %w\n%s", err, text[max(0, len(text)-4000):])
	}
	return os.Rename(fresh, string(image))
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
