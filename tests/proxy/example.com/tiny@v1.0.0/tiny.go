// Package tiny is served by the tests themselves.
package tiny

// Name tells where it was found.
const Name = "tiny from the proxy"
