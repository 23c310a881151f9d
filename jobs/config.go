package jobs

import "time"

// Dispatcher is the `dispatcher` section: how River works the queues.
type Dispatcher struct {
	Enabled      bool          `yaml:"enabled" env:"ENABLED" doc:"work the queues; false makes an API-only replica"`
	Interval     time.Duration `yaml:"interval" env:"INTERVAL" doc:"fallback poll; new jobs are announced by LISTEN/NOTIFY"`
	BatchSize    int           `yaml:"batchSize" env:"BATCH_SIZE" doc:"workers for each channel's queue on this replica"`
	LeaseTimeout time.Duration `yaml:"leaseTimeout" env:"LEASE_TIMEOUT" doc:"a job running longer than this is taken from its worker; at least timeoutSeconds + 10s"`
}

// Defaults is the `defaults` section: how a delivery is tried.
type Defaults struct {
	MaxRetry            int   `yaml:"maxRetry" env:"MAX_RETRY" doc:"retries after the first attempt"`
	RetryBackoffSeconds []int `yaml:"retryBackoffSeconds" env:"RETRY_BACKOFF_SECONDS" doc:"wait before each retry; the last one repeats"`
	TimeoutSeconds      int   `yaml:"timeoutSeconds" env:"TIMEOUT_SECONDS" doc:"longest provider call"`
	MaxRecipients       int   `yaml:"maxRecipients" env:"MAX_RECIPIENTS" doc:"most recipients in one request"`
}

// Retention is the `retention` section: how long finished notifications are kept.
type Retention struct {
	Days int `yaml:"days" env:"DAYS" doc:"days after which a finished notification is deleted; 0 keeps all"`
}

// DefaultRetention returns the documented defaults.
func DefaultRetention() Retention { return Retention{Days: 90} }

// DefaultDispatcher returns the documented defaults.
func DefaultDispatcher() Dispatcher {
	return Dispatcher{Enabled: true, Interval: 10 * time.Second, BatchSize: 100, LeaseTimeout: 5 * time.Minute}
}

// DefaultDefaults returns the documented defaults.
func DefaultDefaults() Defaults {
	return Defaults{MaxRetry: 3, RetryBackoffSeconds: []int{30, 120, 300}, TimeoutSeconds: 30, MaxRecipients: 10_000}
}

// timeout is the longest provider call.
func (d Defaults) timeout() time.Duration { return time.Duration(d.TimeoutSeconds) * time.Second }

// backoff is the wait after the given attempt failed, from 1. The table's last
// entry repeats.
func (d Defaults) backoff(attempt int) time.Duration {
	if len(d.RetryBackoffSeconds) == 0 {
		return 0
	}
	i := min(max(attempt, 1), len(d.RetryBackoffSeconds)) - 1
	return time.Duration(d.RetryBackoffSeconds[i]) * time.Second
}
