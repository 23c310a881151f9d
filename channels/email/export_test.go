package email

// SubjectField is the header field of a subject, for the tests.
func SubjectField(subject string) string { return textField("Subject", subject, maxRawWord) }
