package config

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

// NewUUID returns a random UUID, as every object of the cluster has one.
func NewUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var uuidForm = regexp.MustCompile("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")

// IsUUID says whether a text has the form of one.
func IsUUID(text string) bool { return uuidForm.MatchString(text) }
