// Package unit reads and writes the small values of Ganeti's command line and
// output: sizes, times, yes and no, ranges, names that may be shortened, lists
// of key=value, and values the way Python shows them.
//
// It has no opinion about failures: errors are plain, with Ganeti's words, and
// the caller gives them the class they have there.
package unit
