package templates

import (
	"cmp"
	"math/big"
)

// Comparisons treat int and decimal alike, as numbers, and are exact.

// eq reports whether v equals any of the others.
func (r *rendering) eq(v any, others ...any) (bool, error) {
	if err := r.step(); err != nil {
		return false, err
	}
	if len(others) == 0 {
		return false, valueError("eq: nothing to compare with")
	}
	for _, other := range others {
		if same, err := r.equal(v, other); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func (r *rendering) ne(a, b any) (bool, error) {
	same, err := r.eq(a, b)
	return !same, err
}

func (r *rendering) lt(a, b any) (bool, error) {
	n, err := r.compare(a, b)
	return n < 0, err
}

func (r *rendering) le(a, b any) (bool, error) {
	n, err := r.compare(a, b)
	return n <= 0, err
}

func (r *rendering) gt(a, b any) (bool, error) {
	n, err := r.compare(a, b)
	return n > 0, err
}

func (r *rendering) ge(a, b any) (bool, error) {
	n, err := r.compare(a, b)
	return n >= 0, err
}

// equal reports whether two scalars of one type are equal. Null equals null only.
func (r *rendering) equal(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == nil && b == nil, nil
	}
	x, isBool := a.(bool)
	y, alsoBool := b.(bool)
	if isBool && alsoBool {
		return x == y, nil
	}
	n, err := r.order(a, b)
	return n == 0, err
}

func (r *rendering) compare(a, b any) (int, error) {
	if err := r.step(); err != nil {
		return 0, err
	}
	return r.order(a, b)
}

// order compares two numbers or two strings. It is negative when a comes first and 0 when
// they are equal.
func (r *rendering) order(a, b any) (int, error) {
	m, aInt := a.(int)
	n, bInt := b.(int)
	if aInt && bInt {
		return cmp.Compare(m, n), nil
	}
	x, y := exact(a), exact(b)
	if x != nil && y != nil {
		return x.Cmp(y), r.spend((digitsOf(a) + digitsOf(b)) / digitsPerStep)
	}
	s, aString := a.(string)
	t, bString := b.(string)
	if aString && bString {
		return cmp.Compare(s, t), r.spend(min(len(s), len(t)) / scannedPerStep)
	}
	return 0, valueErrorf("cannot compare %s with %s", typeName(a), typeName(b))
}

// digitsOf returns how many digits a number has that is more than an int.
func digitsOf(v any) int {
	d, _ := v.(decimal)
	return len(d)
}

// exact returns the value of a number; nil for what is none.
func exact(v any) *big.Rat {
	switch v := v.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(v))
	case decimal:
		n, _ := new(big.Rat).SetString(string(v)) // a decimal has digits only
		return n
	}
	return nil
}
