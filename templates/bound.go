package templates

import (
	"fmt"
	"runtime"
)

// Bounds of one rendering; those of one request share a Work. They count work and not time, so that a rendering ends the same
// on a busy machine. Together they keep the worst template to a fraction of a second and a
// few MiB beyond its params: maxProduced bounds the values that functions make, maxNesting ×
// maxDepth the stack, maxSteps the rest.
//
// text/template leaves nested loops by one panic for each, in time that grows with the
// square of their number: 0.12 to 0.16 s for 900 loops, measured on a shared 2-core Xeon.
// So maxNesting × maxDepth must not be larger.
const (
	maxSteps     = 100_000 // see the units below
	maxProduced  = 1 << 20 // bytes made by functions
	maxDepth     = 10      // templates calling templates
	maxNesting   = 100     // actions and parentheses inside each other, in the source
	maxVariables = 200     // variables of one template; text/template looks each up among all
	maxMissing   = 100     // params that a Preview notes
	// maxFormat bounds the format of a printf, in bytes.
	maxFormat = MaxSource
)

// A step is an iteration, a template call, a param read, a value printed or a function called:
// at most some 5 µs. What takes longer for long values is that many steps more: one for so
// many bytes or elements. TestStepsAreShort measures them.
const (
	sourcePerStep  = 64   // bytes of the source of a loop's body and of a template, each time
	scannedPerStep = 2048 // bytes of a text that is compared or searched, elements of a list
	printedPerStep = 256  // bytes that are escaped
	sortedPerStep  = 8    // keys of an object that is looped over
	digitsPerStep  = 8    // digits of a number that is more than an int
	writtenPerStep = 64   // bytes of a list or an object as JSON
)

// maxTogether bounds the steps of all renderings of one Work: 10,000 renderings of a hundred steps.
const maxTogether = 10 * maxSteps

// lightSteps is how many steps a Work may take before it is heavy: some 1 ms.
const lightSteps = 200

// Work is what several renderings may still do together. It is not safe for concurrent use.
// A nil Work has no bound.
type Work struct {
	steps   int
	heavy   Heavy // nil once it was called
	refused error // what it returned
}

// NewWork returns the work of the renderings of one request.
func NewWork(heavy Heavy) *Work { return &Work{steps: maxTogether, heavy: heavy} }

// spend counts steps.
func (w *Work) spend(steps int) error {
	if w == nil {
		return nil
	}
	if w.steps -= steps; w.steps < 0 {
		return &LimitError{fmt.Sprintf("the renderings of one request do more than %d steps together", maxTogether)}
	}
	if maxTogether-w.steps > lightSteps {
		return w.beHeavy()
	}
	return nil
}

// beHeavy calls heavy, once.
func (w *Work) beHeavy() error {
	if w == nil {
		return nil
	}
	if w.heavy != nil {
		w.refused, w.heavy = w.heavy(), nil
	}
	return w.refused
}

// budget is what one rendering may still use.
type budget struct {
	steps    int
	produced int
	depth    int
	work     *Work
}

func newBudget(work *Work) budget {
	return budget{steps: maxSteps, produced: maxProduced, depth: maxDepth, work: work}
}

// refused returns what heavy returned when it was called.
func (b *budget) refused() error {
	if b.work == nil {
		return nil
	}
	return b.work.refused
}

// step counts a step. Every function begins with it.
func (b *budget) step() error { return b.spend(1) }

// spend counts steps.
func (b *budget) spend(steps int) error {
	if b.steps -= steps; b.steps < 0 {
		return &LimitError{fmt.Sprintf("the template does more than %d steps", maxSteps)}
	}
	if b.steps/lightSteps != (b.steps+steps)/lightSteps {
		runtime.Gosched() // else everybody else waits for the scheduler, 10 ms each time
	}
	return b.work.spend(steps)
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

// tick is called at the start of every round of a loop, with the steps of its body's source.
func (b *budget) tick(steps int) (string, error) { return "", b.spend(1 + steps) }

// enter is called at the start of every template, with the steps of its source, and leave at
// its end. A failed execution does not call leave, and its rendering is not used again.
func (b *budget) enter(steps int) (string, error) {
	if b.depth--; b.depth < 0 {
		return "", &LimitError{fmt.Sprintf("templates call each other more than %d deep", maxDepth)}
	}
	return "", b.spend(1 + steps)
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
