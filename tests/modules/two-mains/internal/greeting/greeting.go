// Package greeting is shared by both main packages.
package greeting

// For greets somebody.
func For(name string) string { return "hello " + name }
