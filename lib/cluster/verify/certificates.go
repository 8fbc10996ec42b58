package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gantry/lib/ancillary"
)

// How long before its end a certificate is complained of, in days.
const (
	certificateWarns = 30
	certificateFails = 7
)

// certificates looks at those that the master has. A cluster taken over from a state without them has none.
func (w *configuration) certificates(dataDir string) {
	for _, name := range []string{ancillary.SpiceFile, ancillary.SpiceCAFile} {
		path := filepath.Join(dataDir, name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		complain, text := w.errorf, ""
		if err == nil {
			var bad bool
			text, bad, err = certificateTrouble(data, w.env.Clock())
			if !bad {
				complain = w.warnf
			}
		}
		switch {
		case err != nil:
			w.errorf("ECLUSTERCERT", "", "Failed to load X509 certificate %s: %v", path, err)
		case text != "":
			complain("ECLUSTERCERT", "", "While verifying %s: %s", path, text)
		}
	}
}

// certificateTrouble says what is wrong with a certificate, and whether that is an error; "" is nothing.
func certificateTrouble(data []byte, now time.Time) (text string, bad bool, err error) {
	c, err := ancillary.Certificate(data)
	if err != nil {
		return "", false, err
	}
	from, to := c.NotBefore.Local().Format(time.DateTime), c.NotAfter.Local().Format(time.DateTime)
	days := int(c.NotAfter.Sub(now).Hours() / 24)
	switch {
	case now.After(c.NotAfter):
		return fmt.Sprintf("Certificate is expired (valid from %s to %s)", from, to), true, nil
	case now.Before(c.NotBefore):
		return fmt.Sprintf("Certificate not yet valid (valid from %s)", from), false, nil
	case days <= certificateWarns:
		return fmt.Sprintf("Certificate expires in about %d days", days), days <= certificateFails, nil
	}
	return "", false, nil
}
