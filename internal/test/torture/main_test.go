package torture

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Tortures mostly wait: for leases to end, for leaders to be elected. So more of them
	// run at once than there are cores.
	_ = flag.Set("test.parallel", length("6", "4"))
	code := m.Run()
	results.print(os.Stdout)
	os.Exit(code)
}

// alone is for a torture that measures time. At full length it runs alone. In the
// short form it runs beside others, and its bounds allow for that.
func alone(t *testing.T) {
	t.Helper()
	if !long {
		t.Parallel()
	}
}
