package verify

import (
	"strings"
	"testing"
	"time"

	"gantry/lib/ancillary"
)

func TestCertificatesAreComplainedOfBeforeTheyEnd(t *testing.T) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	spice, err := ancillary.NewSpice(made)
	if err != nil {
		t.Fatal(err)
	}
	end := made.Add(5 * 365 * 24 * time.Hour)
	for name, tt := range map[string]struct {
		now  time.Time
		want string
		bad  bool
	}{
		"fresh":        {made.Add(time.Hour), "", false},
		"not yet":      {made.Add(-time.Hour), "Certificate not yet valid (valid from ", false},
		"four weeks":   {end.Add(-28*24*time.Hour - time.Minute), "Certificate expires in about 28 days", false},
		"a week":       {end.Add(-7*24*time.Hour - time.Minute), "Certificate expires in about 7 days", true},
		"past its end": {end.Add(time.Hour), "Certificate is expired (valid from ", true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, data := range [][]byte{spice.Pair, spice.CA} {
				text, bad, err := certificateTrouble(data, tt.now)
				if err != nil || bad != tt.bad || !strings.HasPrefix(text, tt.want) || tt.want == "" && text != "" {
					t.Errorf("%q, %v, %v; want %q, %v", text, bad, err, tt.want, tt.bad)
				}
			}
		})
	}
	if _, _, err := certificateTrouble([]byte("no certificate"), made); err == nil {
		t.Error("a file that holds no certificate is not noticed")
	}
}
