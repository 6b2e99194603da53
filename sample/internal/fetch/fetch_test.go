package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// testClient may contact 127.0.0.1, where the servers of these tests are, but
// nothing else.
func testClient(opts Options) *Client {
	if opts.Timeout == 0 {
		opts.Timeout = 10 * time.Second
	}
	return newClient(opts, func(ip netip.Addr) bool { return ip == netip.MustParseAddr("127.0.0.1") })
}

func kind(err error) string {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Kind
	}
	return fmt.Sprintf("not an *Error: %v", err)
}

func TestFetch(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/old":
			http.Redirect(w, r, "/new", http.StatusMovedPermanently)
		case "/new":
			if got := r.UserAgent(); got != "test-agent" {
				t.Errorf("User-Agent = %q", got)
			}
			_, _ = io.WriteString(w, "<!doctype html><title>New &amp; shiny</title>")
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()

	var results []string
	c := testClient(Options{UserAgent: "test-agent", Observe: func(result string, _ time.Duration) {
		results = append(results, result)
	}})
	page, err := c.Fetch(t.Context(), srv.URL+"/old")
	if want := (Page{Status: 200, FinalURL: srv.URL + "/new", Title: "New & shiny"}); err != nil || page != want {
		t.Errorf("Fetch(/old) = %+v, %v, want %+v", page, err, want)
	}
	page, err = c.Fetch(t.Context(), srv.URL+"/gone")
	if err != nil || page.Status != http.StatusNotFound {
		t.Errorf("Fetch(/gone) = %+v, %v, want status 404", page, err)
	}
	if got := strings.Join(results, " "); got != "ok ok" {
		t.Errorf("observed %q", got)
	}
}

func TestFetchRefusesPrivateAddresses(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("request for %s got through", r.URL)
	}))
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")

	c := New(Options{Timeout: 10 * time.Second})
	for _, target := range []string{
		srv.URL,
		"http://localhost:" + port,
		"http://[::ffff:127.0.0.1]:" + port,
		"http://0.0.0.0:" + port,
		"https://169.254.169.254/latest/meta-data/",
		"http://10.0.0.1/",
	} {
		if _, err := c.Fetch(t.Context(), target); kind(err) != KindBlocked {
			t.Errorf("Fetch(%s) = %v, want it blocked", target, err)
		}
	}

	allowing := New(Options{Timeout: 10 * time.Second, AllowPrivate: true})
	quiet := httptest.NewServer(http.NotFoundHandler())
	defer quiet.Close()
	if _, err := allowing.Fetch(t.Context(), quiet.URL); err != nil {
		t.Errorf("Fetch with AllowPrivate = %v", err)
	}
}

func TestFetchRefusesRedirectToPrivateAddress(t *testing.T) {
	srv := httptest.NewServer(http.RedirectHandler("http://127.0.0.2:1/", http.StatusFound))
	defer srv.Close()
	if _, err := testClient(Options{}).Fetch(t.Context(), srv.URL); kind(err) != KindBlocked {
		t.Errorf("Fetch() = %v, want it blocked", err)
	}
}

func TestFetchIgnoresProxySettings(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the proxy was asked")
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	if _, err := testClient(Options{}).Fetch(t.Context(), "http://192.168.0.1/"); kind(err) != KindBlocked {
		t.Errorf("Fetch() = %v, want it blocked", err)
	}
}

func TestFetchVerifiesCertificates(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html><title>Secure</title></html>")
	}))
	defer srv.Close()

	c := testClient(Options{})
	if _, err := c.Fetch(t.Context(), srv.URL); kind(err) != KindTLS {
		t.Errorf("Fetch() with an unknown CA = %v, want a TLS error", err)
	}

	trusted := srv.Client().Transport.(*http.Transport).TLSClientConfig
	c.http.Transport.(*http.Transport).TLSClientConfig = trusted
	if page, err := c.Fetch(t.Context(), srv.URL); err != nil || page.Title != "Secure" {
		t.Errorf("Fetch() with a known CA = %+v, %v", page, err)
	}
}

func TestFetchErrors(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/mailto":
			http.Redirect(w, r, "mailto:somebody@example.com", http.StatusFound)
		case "/hang":
			<-hang
		}
	}))
	defer srv.Close()
	defer close(hang) // before Close, which waits for the handler
	plain := strings.Replace(srv.URL, "http://", "https://", 1)

	c := testClient(Options{Timeout: 300 * time.Millisecond})
	for target, want := range map[string]string{
		srv.URL + "/loop":     KindRedirects,
		srv.URL + "/mailto":   KindRedirects,
		srv.URL + "/hang":     KindTimeout,
		plain:                 KindTLS,
		"http://127.0.0.1:1/": KindConnect,
		"http://127.0.0.1:x/": KindOther,
	} {
		if _, err := c.Fetch(t.Context(), target); kind(err) != want {
			t.Errorf("Fetch(%s) = %v (%s), want %s", target, err, kind(err), want)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Fetch(ctx, srv.URL); kind(err) != KindCanceled {
		t.Errorf("Fetch() after cancel = %v", err)
	}
}

// Tests must not depend on a name server, hence no real look-up.
func TestClassifyDNS(t *testing.T) {
	for want, err := range map[string]error{
		KindDNS:     &net.DNSError{Err: "no such host", IsNotFound: true},
		KindTimeout: &net.DNSError{Err: "i/o timeout", IsTimeout: true},
	} {
		wrapped := &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: err}}
		if got := classify(wrapped).Kind; got != want {
			t.Errorf("classify(%v) = %s, want %s", wrapped, got, want)
		}
	}
}

func TestReadTitle(t *testing.T) {
	const htmlType = "text/html; charset=utf-8"
	for name, tc := range map[string]struct {
		body, contentType, want string
	}{
		"simple":        {"<html><head><title>Hello</title>", htmlType, "Hello"},
		"white space":   {"<title>\n  Hello\t  there\n</title>", htmlType, "Hello there"},
		"entities":      {"<title>a &lt;b&gt; &eacute;</title>", htmlType, "a <b> é"},
		"tags are text": {"<title>a <b>c</b></title>", htmlType, "a <b>c</b>"},
		"control":       {"<title>a\x07b</title>", htmlType, "ab"},
		"latin 1":       {"<title>caf\xe9</title>", "text/html; charset=iso-8859-1", "café"},
		"meta charset":  {`<meta charset="shift_jis"><title>` + "\x93\xfa\x96{</title>", "text/html", "日本"},
		"invalid":       {"<title>a\xffb</title>", htmlType, "a\ufffdb"},
		"empty title":   {"<title></title><title>b</title>", htmlType, ""},
		"no title":      {"<p>Hello", htmlType, ""},
		"in the body":   {"<body><svg><title>Logo</title></svg>", htmlType, ""},
		"empty page":    {"", htmlType, ""},
		"not HTML":      {"<title>Hello</title>", "text/plain", ""},
		"no type":       {"<title>Hello</title>", "", ""},
		"xhtml":         {"<?xml version='1.0'?><html><head><title>X</title>", "application/xhtml+xml", "X"},
		"long":          {"<title>" + strings.Repeat("ä", 300) + "</title>", htmlType, strings.Repeat("ä", 199) + "…"},
	} {
		got, err := readTitle(strings.NewReader(tc.body), tc.contentType)
		if err != nil || got != tc.want {
			t.Errorf("%s: readTitle() = %q, %v, want %q", name, got, err, tc.want)
		}
	}
}
