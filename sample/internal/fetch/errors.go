package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// Kinds of failure, short enough for a metric label or a database column.
const (
	KindBlocked   = "blocked"   // not a public address
	KindDNS       = "dns"       // the host has no address
	KindTLS       = "tls"       // no TLS, or no certificate to be trusted
	KindTimeout   = "timeout"   // took too long
	KindRedirects = "redirects" // too many, or to something not HTTP
	KindCanceled  = "canceled"  // given up on our side
	KindConnect   = "connect"   // refused, reset and so on
	KindOther     = "other"
)

// Error is what Fetch fails with.
type Error struct {
	Kind string
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

var errRedirects = errors.New("redirect not followed")

// classify finds the kind of an error of http.Client. The order matters: a
// blocked dial, for instance, is also an error of the dialer.
func classify(err error) *Error {
	var (
		dnsErr    *net.DNSError
		certErr   *tls.CertificateVerificationError
		alertErr  tls.AlertError
		recordErr tls.RecordHeaderError
		netErr    net.Error
		opErr     *net.OpError
	)
	kind := KindOther
	switch {
	case errors.Is(err, errBlocked):
		kind = KindBlocked
	case errors.Is(err, errRedirects):
		kind = KindRedirects
	case errors.Is(err, context.Canceled):
		kind = KindCanceled
	case errors.As(err, &netErr) && netErr.Timeout():
		kind = KindTimeout
	case errors.As(err, &dnsErr):
		kind = KindDNS
	case errors.As(err, &certErr), errors.As(err, &alertErr), errors.As(err, &recordErr),
		errors.Is(err, http.ErrSchemeMismatch): // plain HTTP on a TLS port
		kind = KindTLS
	case errors.As(err, &opErr):
		kind = KindConnect
	}
	return &Error{Kind: kind, Err: err}
}
