package store

import (
	"time"

	"github.com/google/uuid"
)

// Job is the River job that moves one delivery. The engines insert it.
type Job struct {
	DeliveryID  uuid.UUID
	Queue       string    // the delivery's channel
	Provider    string    // that the delivery must go through; empty: the channel's
	AppID       string    // Requeue sets it
	Priority    int       // 1 is worked first, 4 last
	MaxAttempts int       // the first attempt included
	Due         time.Time // the zero value: at once
	Metadata    []byte    // a JSON object, or nil
}

// Line returns the line that the job waits in.
func (j Job) Line() Line { return Line{Channel: j.Queue, Provider: j.Provider, AppID: j.AppID} }

// Args returns what River keeps of the job.
func (j Job) Args() JobArgs { return JobArgs{DeliveryID: j.DeliveryID} }

// JobArgs are the arguments of a delivery's job: its id and nothing else, so that no
// address, text or secret reaches River's tables or its UI.
type JobArgs struct {
	DeliveryID uuid.UUID `json:"deliveryId"`
}

// Kind implements River's JobArgs. It names the job in River's tables and never changes.
func (JobArgs) Kind() string { return "deliver" }

// JobState is the state of a River job, as River writes it.
type JobState string

// States of jobs. JobGone is ours: the job was deleted.
const (
	JobGone      JobState = ""
	JobAvailable JobState = "available"
	JobScheduled JobState = "scheduled"
	JobRetryable JobState = "retryable"
	JobRunning   JobState = "running"
	JobCompleted JobState = "completed"
	JobCancelled JobState = "cancelled"
	JobDiscarded JobState = "discarded"
)
