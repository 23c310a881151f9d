//go:build torture

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
	_ = flag.Set("test.parallel", length("6", "4"))
	code := m.Run()
	figures.print(os.Stdout)
	os.Exit(code)
}
