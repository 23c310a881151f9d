package steering

const (
	CancelBatch  = cancelBatch
	RequeueBatch = requeueBatch
)
