package cli

import (
	"io"
	"syscall"
)

func noTerminal() (io.ReadWriteCloser, error) { return nil, syscall.ENXIO }
