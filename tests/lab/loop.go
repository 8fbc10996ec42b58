package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Loop devices belong to the whole machine, so every lab has a range of numbers to itself.
const (
	sharedLUNs  = 4
	lunSize     = 64 << 20
	nodeLoops   = 6 // for the nodes' own use: the external storage provider of the tests attaches volumes with them
	loopsOfLab  = sharedLUNs + maxNodes*nodeLoops
	loopsBefore = 2000
	slots       = 64
)

// slot is one such range. It is held by a name in the machine's network namespace, which goes with the process.
type slot struct {
	net.Listener
	firstLoop int
}

func takeSlot() (slot, error) {
	var err error
	for n := range slots {
		var s slot
		if s, err = takeSlotAt(loopsBefore + n*loopsOfLab); err == nil {
			return s, nil
		}
	}
	return slot{}, fmt.Errorf("%d labs run already: %w", slots, err)
}

func takeSlotAt(firstLoop int) (slot, error) {
	l, err := net.Listen("unix", fmt.Sprintf("@gantry-lab-%d", firstLoop))
	return slot{l, firstLoop}, err
}

// clearLoops takes away every loop device of the range, attached or not. It tries for a while: a node that has just been
// killed may still be letting go of one.
func clearLoops(first int) {
	for range 40 {
		list := loopsFrom(first)
		if len(list) == 0 {
			return
		}
		Each(len(list), func(i int) { // side by side: the kernel takes its time for one
			n := list[i-1]
			if dev, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0); err == nil {
				ioctl(dev, loopClrFd, 0)
				dev.Close()
			}
			loopControl(loopCtlRemove, n)
		})
		time.Sleep(20 * time.Millisecond)
	}
}

// loopsFrom lists the devices there are of one lab's range.
func loopsFrom(first int) (list []int) {
	paths, _ := filepath.Glob("/sys/block/loop*")
	for _, path := range paths {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "loop"))
		if err == nil && n >= first && n < first+loopsOfLab {
			list = append(list, n)
		}
	}
	return list
}

// The kernel's numbers, from linux/loop.h.
const (
	loopClrFd     = 0x4C01
	loopConfigure = 0x4C0A
	loopCtlAdd    = 0x4C80
	loopCtlRemove = 0x4C81

	loopAutoclear = 4
)

// loopConfig is struct loop_config: a file to attach, and struct loop_info64 of which only the flags matter here.
type loopConfig struct {
	fd, blockSize uint32
	_             [5]uint64
	_             [3]uint32
	flags         uint32
	_             [64 + 64 + 32]byte
	_             [2]uint64
	_             [8]uint64
}

// attachLoop makes loop device n show a file until the returned handle, and every other one, is closed: the kernel detaches
// it then, however the holder ended.
func attachLoop(n int, file *os.File) (*os.File, error) {
	if err := loopControl(loopCtlAdd, n); err != nil {
		return nil, err
	}
	dev, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	c := loopConfig{fd: uint32(file.Fd()), flags: loopAutoclear}
	if err := ioctl(dev, loopConfigure, uintptr(unsafe.Pointer(&c))); err != nil {
		dev.Close()
		return nil, fmt.Errorf("attaching loop device %d: %w", n, err)
	}
	return dev, nil
}

func loopControl(request uintptr, n int) error {
	f, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return ioctl(f, request, uintptr(n))
}

func ioctl(f *os.File, request, arg uintptr) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, arg); errno != 0 {
		return errno
	}
	return nil
}
