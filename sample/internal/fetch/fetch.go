// Package fetch looks at the targets of links, which strangers choose: it
// contacts public addresses only, and bounds time, redirects and size.
package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	maxRedirects = 5
	maxBody      = 512 << 10 // a title further down is not worth the traffic
)

// Page is what was found at a link's target.
type Page struct {
	Status   int
	FinalURL string // after redirects
	Title    string // empty for anything but HTML
}

// Options configures a Client.
type Options struct {
	Timeout      time.Duration
	AllowPrivate bool // for intranets: do not insist on public addresses
	UserAgent    string
	Observe      func(result string, d time.Duration) // may be nil
}

// Client fetches pages. It verifies certificates against the system's pool.
type Client struct {
	http      *http.Client
	userAgent string
	observe   func(string, time.Duration)
}

// New returns a Client.
func New(opts Options) *Client {
	allowed := isPublic
	if opts.AllowPrivate {
		allowed = func(netip.Addr) bool { return true }
	}
	return newClient(opts, allowed)
}

func newClient(opts Options, allowed func(netip.Addr) bool) *Client {
	dialer := &net.Dialer{
		Timeout:        5 * time.Second,
		ControlContext: control(allowed),
	}
	observe := opts.Observe
	if observe == nil {
		observe = func(string, time.Duration) {}
	}
	return &Client{
		userAgent: opts.UserAgent,
		observe:   observe,
		http: &http.Client{
			Timeout: opts.Timeout,
			Transport: &http.Transport{
				// No proxy from the environment: the guard would see the
				// proxy's address instead of the target's.
				Proxy:                  nil,
				DialContext:            dialer.DialContext,
				ForceAttemptHTTP2:      true,
				TLSHandshakeTimeout:    5 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
				// Targets differ from fetch to fetch; idle connections
				// would be of no use.
				DisableKeepAlives: true,
			},
			CheckRedirect: checkRedirect,
		},
	}
}

// Fetch requests a page with GET. Any response is a success, whatever its
// status; every error is an *Error.
func (c *Client) Fetch(ctx context.Context, url string) (Page, error) {
	start := time.Now()
	page, err := c.fetch(ctx, url)
	if err != nil {
		failure := classify(err)
		c.observe(failure.Kind, time.Since(start))
		return Page{}, failure
	}
	c.observe("ok", time.Since(start))
	return page, nil
}

func (c *Client) fetch(ctx context.Context, url string) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Page{}, err
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1")

	resp, err := c.http.Do(req)
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	title, err := readTitle(io.LimitReader(resp.Body, maxBody), resp.Header.Get("Content-Type"))
	if err != nil {
		return Page{}, err
	}
	return Page{
		Status:   resp.StatusCode,
		FinalURL: resp.Request.URL.String(),
		Title:    title,
	}, nil
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d in a row", errRedirects, maxRedirects)
	}
	if s := req.URL.Scheme; s != "http" && s != "https" {
		return fmt.Errorf("%w: scheme %q", errRedirects, s)
	}
	return nil
}

// CheckSystemRoots returns an error if there are no CA certificates, in which
// case no TLS connection can succeed. Images built from scratch lack them
// unless they were added.
func CheckSystemRoots() error {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return err
	}
	if pool.Equal(x509.NewCertPool()) {
		return errors.New("no CA certificates found, outgoing TLS will fail")
	}
	return nil
}
