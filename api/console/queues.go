package console

// showQueues shows River UI in a frame. It is on the same origin, where the console's session
// opens it.
func showQueues(v *visit) error { return v.page(nil) }
