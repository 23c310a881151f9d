package smoke

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests mostly wait: for what becomes due, for leases, for Alertmanager's intervals.
	// So more of them run at once than there are cores.
	_ = flag.Set("test.parallel", "6")
	os.Exit(m.Run())
}
