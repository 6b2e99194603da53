// Package lib stands beside the module that uses it.
package lib

// Name tells where it was found.
const Name = "lib next door"
