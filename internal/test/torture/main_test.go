package torture

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tortures wait more than they work: for leases to end, for leaders to be
	// elected. More of them at once than there are cores take no harm.
	_ = flag.Set("test.parallel", length("10", "4"))
	code := m.Run()
	results.print(os.Stdout)
	os.Exit(code)
}

// alone is for a torture that measures time. At full length it has the machine for
// itself; in the short form its bounds are for a busy machine.
func alone(t *testing.T) {
	t.Helper()
	if !long {
		t.Parallel()
	}
}
