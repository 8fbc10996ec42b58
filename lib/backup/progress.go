package backup

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/unit"
)

// Progress is how far a copy has come. Its scripts let dd count what leaves the sender, compressed as it is. The script of an OS may
// have said before how many bytes it will write.
type Progress struct {
	rest     []byte // the beginning of a line
	samples  []sample
	expected float64 // MiB
}

type sample struct{ seconds, mib float64 }

// window is over how many seconds the speed is taken.
const window = 60

// counted is what dd prints once a second, predicted what a script says.
var (
	counted   = unit.Form(`^(\d+) bytes .*copied, ([0-9.e+-]+) s`)
	predicted = unit.Form(`^\d{1,18}$`)
)

// Take reads more of what dd prints. Each of its lines begins with a carriage return, so the last one may not be complete.
func (p *Progress) Take(text []byte) {
	lines := bytes.FieldsFunc(append(p.rest, text...), func(r rune) bool { return r == '\r' || r == '\n' })
	p.rest = nil
	if len(lines) > 0 && len(text) > 0 && !bytes.ContainsRune([]byte("\r\n"), rune(text[len(text)-1])) {
		p.rest = slices.Clone(lines[len(lines)-1])
	}
	for i, line := range lines {
		whole := i < len(lines)-1 || p.rest == nil
		if whole && predicted().Match(line) {
			size, _ := strconv.ParseFloat(string(line), 64)
			p.expected = size / (1 << 20)
		}
		m := counted().FindSubmatch(line)
		if m == nil {
			continue
		}
		count, _ := strconv.ParseFloat(string(m[1]), 64)
		seconds, err := strconv.ParseFloat(string(m[2]), 64)
		if n := len(p.samples); err != nil || n > 0 && seconds <= p.samples[n-1].seconds {
			continue // the same one, now complete
		}
		p.samples = append(p.samples, sample{seconds, count / (1 << 20)})
	}
	if n := len(p.samples); n > 0 {
		p.samples = slices.DeleteFunc(p.samples, func(s sample) bool { return s.seconds < p.samples[n-1].seconds-window })
	}
}

// Text tells of it as Ganeti does: what has been sent, how fast and, of so many MiB, which share and how long the rest will take.
// 0 is what nobody but a script knows. Text is empty as long as nobody can say how fast it is.
func (p *Progress) Text(mib float64) string {
	if len(p.samples) < 2 {
		return ""
	}
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	speed := (last.mib - first.mib) / (last.seconds - first.seconds)
	if mib == 0 {
		mib = p.expected
	}
	parts := []string{unit.FormatSize(last.mib, "h"), fmt.Sprintf("%.1f MiB/s", speed)}
	if mib > 0 {
		parts = append(parts, fmt.Sprintf("%d%%", int(min(100, 100*last.mib/mib))))
		if speed > 0 {
			parts = append(parts, "ETA "+unit.FormatSeconds(max(0, (mib-last.mib)/speed)))
		}
	}
	return strings.Join(parts, ", ")
}
