// Package undebug keeps Aliyun's SDK from printing requests, with the recipient and
// the signature in them, to the standard output. The SDK does that when DEBUG names
// one of its packages.
//
// The SDK reads DEBUG while its packages are initialised, so main is too late to
// unset it. Packages are initialised by import path as soon as all that they import
// are: this one imports os alone, and so comes before all that need net/http.
package undebug

import "os"

func init() { _ = os.Unsetenv("DEBUG") }
