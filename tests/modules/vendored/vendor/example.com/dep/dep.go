// Package dep exists only here.
package dep

// Name tells where it was found.
const Name = "vendored dep"
