// Package unit reads and writes the small values of Ganeti's command line and
// output: sizes, times, yes and no, ranges, names that may be shortened, lists
// of key=value, and values the way Python shows them.
//
// What cannot be read is refused with Ganeti's words and in the class it has
// there, so that callers only pass the error on.
package unit
