package config

import "testing"

func TestUUIDsAreKnownByTheirForm(t *testing.T) {
	const one = "01234567-89ab-cdef-0123-456789abcdef"
	if !IsUUID(one) || !IsUUID(NewUUID()) {
		t.Error("a UUID is not taken for one")
	}
	for _, text := range []string{"", "nosuch", one + "0", one[1:], "0123456-789ab-cdef-0123-456789abcdef", "0123456g" + one[8:], "01234567_89ab-cdef-0123-456789abcdef", one + "\n", one + "-"} {
		if IsUUID(text) {
			t.Errorf("%q is taken for a UUID", text)
		}
	}
}
