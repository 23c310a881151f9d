package delivering

const (
	WaitLimit  = waitLimit
	RecordTime = recordTime
)
