package unit

import (
	"regexp"
	"sync"
)

// Form is a regular expression that is compiled when it is first used: most programs start and end without ever using it.
func Form(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
