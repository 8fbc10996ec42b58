package config

import (
	"errors"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/unit"
)

// check looks at the form of a value; why is the sentence Ganeti puts into "fails syntax check: …". The zero check accepts all.
type check struct {
	ok  func(v any) bool
	why string
}

func textCheck(why string, ok func(string) bool) check {
	return check{func(v any) bool { s, is := v.(string); return is && ok(s) }, why}
}

func between(low, high int64, why string) check {
	return check{func(v any) bool { n, is := v.(int64); return is && low <= n && n <= high }, why}
}

func oneOf(values ...string) check {
	return textCheck("The value must be one of: "+strings.Join(values, ", "), func(s string) bool { return slices.Contains(values, s) })
}

const maxInt64 = 1<<63 - 1

var (
	notNegative   = between(0, maxInt64, "cannot be negative")
	netPort       = between(1, 65534, "invalid port number")
	absPath       = textCheck("must be an absolute normalized path", IsNormAbsPath)
	absPathOrURL  = textCheck("must be an absolute normalized path or a URL", func(s string) bool { return IsNormAbsPath(s) || isURL(s) })
	cpuMask       = textCheck("CPU mask definition is not well-formed", isCPUMask)
	multiCPUMask  = textCheck("Multiple CPU mask definition is not well-formed", isMultiCPUMask)
	migrationMode = textCheck("invalid migration mode", func(s string) bool { return s == "live" || s == "non-live" })
	hvmBootOrder  = textCheck("Invalid boot order specified, must be one or more of [acdn]", func(s string) bool { return strings.Trim(s, "acdn") == "" })
	ipAddress     = textCheck("VNC bind address is not a valid IP address", isAddress)
	spiceVersion  = check{func(v any) bool { return v == int64(0) || v == int64(4) || v == int64(6) }, "The SPICE IP version should be 4 or 6"}
)

// IsNormAbsPath says whether s is an absolute path without "..", "//" and the like.
func IsNormAbsPath(s string) bool { return strings.HasPrefix(s, "/") && path.Clean(s) == s }

var urlForm = unit.Form(`^(https?|ftps?|tftp)://.+`)

func isURL(s string) bool { return urlForm().MatchString(s) }

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isCPUMask reads "0-3,5" and "all".
func isCPUMask(s string) bool {
	if s == "all" {
		return true
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(part, "-")
		low, ok := cpuNumber(first)
		if !ok {
			return false
		}
		if !span {
			continue
		}
		high, ok := cpuNumber(last)
		if !ok || high < low {
			return false
		}
	}
	return true
}

// cpuNumber reads the number of a CPU. One that no machine has is one all the same.
func cpuNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// isMultiCPUMask reads a mask for each virtual CPU, with colons between; Ganeti takes empty ones.
func isMultiCPUMask(s string) bool {
	for mask := range strings.SplitSeq(s, ":") {
		if mask != "" && !isCPUMask(mask) {
			return false
		}
	}
	return true
}
