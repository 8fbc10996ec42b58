package number

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// unitScales are the factors to MiB of the units that are known in any case.
var unitScales = map[string]*big.Rat{
	"":    big.NewRat(1, 1),
	"mib": big.NewRat(1, 1),
	"gib": big.NewRat(1024, 1),
	"tib": big.NewRat(1024*1024, 1),
	"mb":  big.NewRat(1000*1000, 1024*1024),
	"gb":  big.NewRat(1000*1000*1000, 1024*1024),
	"tb":  big.NewRat(1000*1000*1000*1000, 1024*1024),
}

// letterScales are those of single letters, where the case tells binary from decimal.
var letterScales = map[string]string{"m": "mib", "g": "gib", "t": "tib", "M": "mb", "G": "gb", "T": "tb"}

// Unit reads a size with an optional unit and returns it in MiB, cut to a whole number.
func Unit(s string) (int, error) {
	v, ok := parenthesised(s)
	if !ok || v.integer == nil {
		return 0, fmt.Errorf("Can't parse string '%s'", s)
	}
	unit := strings.TrimLeft(v.rest, " ")
	if long, ok := letterScales[unit]; ok {
		unit = long
	}
	scale, ok := unitScales[strings.ToLower(unit)]
	if !ok {
		return 0, errors.New("Unknown unit '" + unit + "'")
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt64(int64(wrap(v.integer))), scale)
	return wrap(new(big.Int).Quo(exact.Num(), exact.Denom())), nil
}
