package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// callers is how many make requests at once.
const callers = 64

// closedLoop makes requests from n callers, each its next one when the one before
// was answered, and returns how many a second were answered. It warms up for a
// quarter of the span first. Requests are numbered from 0.
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

// openLoop makes n requests at a rate (a second), whether or not the ones before
// were answered, and tells each when it was due. It returns when all were answered.
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

// together runs n of the same and returns the first error.
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

// median returns the middle value; 0 of none.
func median(values []float64) float64 { return percentile(values, 50) }

// percentile returns the value that p % of the values do not exceed; 0 of none.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)*p/100]
}
