package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// results are the figures of a run.
type results struct {
	Taken   time.Time `json:"taken"`
	Machine machine   `json:"machine"`
	Short   bool      `json:"short,omitempty"`
	Rounds  int       `json:"rounds"`
	Rows    []row     `json:"rows"`
	// Metrics holds each round's figure.
	Metrics map[string][]float64 `json:"metrics"`
}

// row is the result of a goal.
type row struct {
	What     string  `json:"what"`
	Metric   string  `json:"metric"`
	Measured float64 `json:"measured"` // median of the rounds
	Unit     string  `json:"unit"`
	Base     string  `json:"base,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"` // median of the rounds' ratios to the base
	Must     float64 `json:"must,omitempty"`
	Reach    float64 `json:"reach,omitempty"`
	Less     bool    `json:"less,omitempty"` // less is better
	OK       bool    `json:"ok"`             // the must holds, or there is none
}

// makeRows computes the rows from the metrics.
func (r *results) makeRows() {
	for _, g := range goals {
		values := r.Metrics[g.metric]
		if len(values) == 0 {
			continue
		}
		row := row{What: g.what, Metric: g.metric, Measured: median(values), Unit: g.unit, Less: g.less}
		bases := r.Metrics[g.base]
		if g.base != "" && len(bases) == len(values) {
			ratios := make([]float64, len(values))
			for i := range values {
				ratios[i] = values[i] / bases[i]
			}
			row.Base, row.Ratio = g.base, median(ratios)
		}
		if row.Base == g.base { // with -only a base may be missing; then there are no bounds
			row.Must, row.Reach = g.must, g.reach
		}
		row.OK = row.Must == 0 || row.holds(row.Must)
		r.Rows = append(r.Rows, row)
	}
}

// figure returns what is compared: the ratio, or the measured value without a base.
func (r row) figure() float64 {
	if r.Base != "" {
		return r.Ratio
	}
	return r.Measured
}

// holds reports whether the figure meets the bound.
func (r row) holds(bound float64) bool {
	if r.Less {
		return r.figure() <= bound
	}
	return r.figure() >= bound
}

// worse returns by what factor the figure is worse than another row's.
func (r row) worse(than row) float64 {
	if r.Less {
		return r.figure() / than.figure()
	}
	return than.figure() / r.figure()
}

// verdict returns the text of the column "ok".
func (r row) verdict() string {
	switch {
	case r.Must == 0:
		return ""
	case !r.OK:
		return "NO"
	case r.holds(r.Reach):
		return "yes, reached"
	default:
		return "yes"
	}
}

// goal formats what the row must and, in brackets, should reach; empty without a goal.
func (r row) goal() string {
	if r.Must == 0 {
		return ""
	}
	sign, unit := "≥", r.Unit
	if r.Less {
		sign = "≤"
	}
	if r.Base != "" {
		unit = "×"
	}
	return fmt.Sprintf("%s %s (%s) %s", sign, number(r.Must), number(r.Reach), unit)
}

// print writes the table in Markdown.
func (r *results) print(to io.Writer) {
	kind := ""
	if r.Short {
		kind = " (short: no results to keep)"
	}
	fmt.Fprintf(to, "%s\n%s, medians of %d%s\n\n", r.Machine, r.Taken.Format(time.RFC3339), r.Rounds, kind)
	lines := [][]string{{"what", "must (reach)", "measured", "ratio to", "ok"}}
	for _, row := range r.Rows {
		ratio := ""
		if row.Base != "" {
			ratio = number(row.Ratio) + " " + row.Base
		}
		lines = append(lines, []string{row.What, row.goal(), number(row.Measured) + " " + row.Unit, ratio, row.verdict()})
	}
	printTable(to, lines)
}

func printTable(to io.Writer, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(to, "| %s%s ", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		fmt.Fprintln(to, "|")
		if n == 0 {
			for _, width := range widths {
				fmt.Fprintf(to, "|%s", strings.Repeat("-", width+2))
			}
			fmt.Fprintln(to, "|")
		}
	}
}

// number formats a value with three digits, and from 1,000 on as a whole number.
func number(value float64) string {
	if value < 1000 {
		return strconv.FormatFloat(value, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(value, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// write writes the results as JSON.
func (r *results) write(path string) error {
	content, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

func readResults(path string) (results, error) {
	var r results
	content, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(content, &r)
}

// tolerance is the factor by which a ratio may be worse than before. Measurements vary.
const tolerance = 1.25

// compare writes what is worse than before and returns an error if anything is. It
// compares ratios; the other figures depend on the machine and only have to hold their
// must.
func (r *results) compare(to io.Writer, before results) error {
	past := make(map[string]row, len(before.Rows))
	for _, row := range before.Rows {
		past[row.Metric] = row
	}
	worse := 0
	for _, row := range r.Rows {
		was, known := past[row.Metric]
		switch {
		case !known:
		case was.OK && !row.OK:
			fmt.Fprintf(to, "%s: does not hold any more: %s, was %s\n", row.What, number(row.figure()), number(was.figure()))
			worse++
		case row.Base != "" && row.worse(was) > tolerance:
			fmt.Fprintf(to, "%s: the ratio is %s, was %s\n", row.What, number(row.Ratio), number(was.Ratio))
			worse++
		}
	}
	if worse > 0 {
		return fmt.Errorf("%d figures are worse than they were on %s", worse, before.Taken.Format(time.DateOnly))
	}
	fmt.Fprintf(to, "\nNothing is worse than on %s.\n", before.Taken.Format(time.DateOnly))
	return nil
}
