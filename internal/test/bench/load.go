package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// callers is the number of concurrent callers.
const callers = 64

// closedLoop runs n callers and returns the number of answers a second. Each caller
// makes its next request after the answer to the one before. A quarter of the span
// before it warms up and does not count. Requests are numbered from 0.
func closedLoop(ctx context.Context, n int, span time.Duration, request func(i int) error) (float64, error) {
	warm, stop := time.Now().Add(span/4), time.Now().Add(span/4+span)
	var numbers, counted atomic.Int64
	err := together(n, func() error {
		for ctx.Err() == nil {
			start := time.Now()
			if start.After(stop) {
				return nil
			}
			if err := request(int(numbers.Add(1) - 1)); err != nil {
				return err
			}
			if end := time.Now(); end.After(warm) && end.Before(stop) {
				counted.Add(1)
			}
		}
		return ctx.Err()
	})
	return float64(counted.Load()) / span.Seconds(), err
}

// openLoop makes n requests at a rate (a second) and does not wait for answers between
// them. Each request gets the time at which it was due. openLoop returns when all are
// answered.
func openLoop(rate, n int, request func(i int, due time.Time) error) error {
	start := time.Now()
	var number atomic.Int64
	return together(n, func() error {
		i := int(number.Add(1) - 1)
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		return request(i, due)
	})
}

// together runs n calls of do at once and returns the first error.
func together(n int, do func() error) error {
	var group sync.WaitGroup
	var once sync.Once
	var first error
	for range n {
		group.Go(func() {
			if err := do(); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	group.Wait()
	return first
}

// median returns the middle value, or 0 of no values.
func median(values []float64) float64 { return percentile(values, 50) }

// percentile returns the value that p % of the values do not exceed, or 0 of no values.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)*p/100]
}
