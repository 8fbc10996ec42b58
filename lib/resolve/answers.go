package resolve

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"
)

// patience is how long somebody who has an address gets to show it.
const patience = time.Second

// Answers says whether somebody has an address: a connection to the port is taken, or refused. That nobody answers in a
// second proves nothing; Ganeti's check is no better.
func Answers(ctx context.Context, ip string, port int) bool {
	return AnswersFrom(ctx, "", ip, port)
}

// AnswersFrom asks from an address of this machine's own; "" is whichever the way goes from.
func AnswersFrom(ctx context.Context, source, ip string, port int) bool {
	dialer := net.Dialer{Timeout: patience}
	if source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	if err == nil {
		conn.Close()
		return true
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
