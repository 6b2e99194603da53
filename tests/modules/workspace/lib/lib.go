// Package lib is found through go.work only.
package lib

// Name tells where it was found.
const Name = "lib of the workspace"
