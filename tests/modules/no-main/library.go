// Package library has nothing to run.
package library

// Answer is all it knows.
const Answer = 42
