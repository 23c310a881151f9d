package templates

import (
	"fmt"
	"time"
)

// Bounds of one rendering. Together they keep the worst template to a fraction of a
// second and a few MiB beyond its params: maxProduced bounds the values that functions
// make, maxNesting × maxDepth the stack, maxSteps the rest.
//
// text/template leaves nested loops by one panic for each, in time that grows with the
// square of their number: 0.12 to 0.16 s for 900 loops, measured on a shared 2-core Xeon.
// So maxNesting × maxDepth must not be larger.
const (
	maxSteps    = 100_000                // iterations, template calls, params read, values printed, functions called
	maxProduced = 1 << 20                // bytes made by functions
	maxDepth    = 10                     // templates calling templates
	maxNesting  = 100                    // actions and parentheses inside each other, in the source
	maxTime     = 500 * time.Millisecond // for a few slow steps, such as those on huge params
	// maxStepTime is the most that one step counts. A longer step has waited for a busy
	// machine, and a good request must not be refused for that.
	maxStepTime = 50 * time.Millisecond
)

// budget is what one rendering may still use.
type budget struct {
	steps    int
	produced int
	depth    int
	time     time.Duration
	last     time.Time // of the last step
}

func newBudget() budget {
	return budget{steps: maxSteps, produced: maxProduced, depth: maxDepth, time: maxTime, last: time.Now()}
}

// step counts a step and the time since the last one. Every function begins with it.
func (b *budget) step() error {
	if b.steps--; b.steps < 0 {
		return &LimitError{fmt.Sprintf("the template does more than %d steps", maxSteps)}
	}
	now := time.Now()
	b.time -= min(now.Sub(b.last), maxStepTime)
	b.last = now
	if b.time < 0 {
		return &LimitError{fmt.Sprintf("the template takes longer than %s", maxTime)}
	}
	return nil
}

// produce counts and returns the text that a function made.
func (b *budget) produce(s string) (string, error) {
	if len(s) > MaxOutput {
		return "", errOutput
	}
	if b.produced -= len(s); b.produced < 0 {
		return "", &LimitError{fmt.Sprintf("the template's functions make more than %d bytes", maxProduced)}
	}
	return s, nil
}

// tick is called at the start of every round of a loop.
func (b *budget) tick() (string, error) { return "", b.step() }

// enter is called at the start of every template, leave at its end. A failed execution
// does not call leave, and its rendering is not used again.
func (b *budget) enter() (string, error) {
	if b.depth--; b.depth < 0 {
		return "", &LimitError{fmt.Sprintf("templates call each other more than %d deep", maxDepth)}
	}
	return "", b.step()
}

func (b *budget) leave() string {
	b.depth++
	return ""
}

var errOutput = &LimitError{fmt.Sprintf("the rendered body is larger than %d bytes", MaxOutput)}

// buffer collects at most MaxOutput bytes.
type buffer struct{ bytes []byte }

func (b *buffer) Write(p []byte) (int, error) {
	if len(b.bytes)+len(p) > MaxOutput {
		return 0, errOutput
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}
