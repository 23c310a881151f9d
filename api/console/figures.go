package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// hours are how many there were in each hour, the present one last.
type hours []int

// Sum returns how many there were in all of them.
func (h hours) Sum() int { return h.Last(len(h)) }

// Any reports whether there were any.
func (h hours) Any() bool { return h.Sum() > 0 }

// Last returns how many there were in the last n hours.
func (h hours) Last(n int) int {
	sum := 0
	for _, one := range h[max(0, len(h)-n):] {
		sum += one
	}
	return sum
}

// Numbers returns them as chart.js reads them.
func (h hours) Numbers() string { return strings.Trim(fmt.Sprint([]int(h)), "[]") }

// rate returns how many there were in a minute, to as many digits as say something.
func rate(perMinute float64) string {
	switch {
	case perMinute == 0:
		return "0"
	case perMinute < .01:
		return "< 0.01"
	case perMinute < 10:
		return strconv.FormatFloat(perMinute, 'f', 2, 64)
	default:
		return strconv.FormatFloat(math.Round(perMinute), 'f', 0, 64)
	}
}

// share returns a share in percent, or a dash. Only all is 100 %.
func share(s *float64) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", math.Floor(*s*10_000)/100)
}

// seconds returns a time, or a dash.
func seconds(s *float64) string {
	if s == nil {
		return "–"
	}
	return took(time.Duration(*s * float64(time.Second)))
}
