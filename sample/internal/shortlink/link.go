// Package shortlink holds the domain type of the service and the rules a link
// has to obey. It knows nothing about HTTP or SQL.
package shortlink

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MaxURLLength is the longest target accepted, in bytes.
const MaxURLLength = 2048

// Link is a short code and the target it redirects to.
type Link struct {
	ID        int64
	Code      string
	URL       string
	CreatedAt time.Time
	ExpiresAt *time.Time // nil: never
	Hits      int64
	LastHitAt *time.Time // nil: never followed
	CheckedAt *time.Time // nil: never checked
	Check     Check
}

// Expired reports whether the link no longer redirects at the given time.
func (l Link) Expired(now time.Time) bool {
	return l.ExpiresAt != nil && !now.Before(*l.ExpiresAt)
}

// Check is what fetching a link's target found.
type Check struct {
	Status int    // HTTP status, 0 if there was no response
	Title  string // page title, empty for anything but HTML
	Error  string // short reason for a failure, such as "dns" or "tls"
}

// DayHits counts how often a link was followed on one UTC day.
type DayHits struct {
	Day  time.Time
	Hits int64
}

var codePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{3,32}$`)

// reserved are codes that would be shadowed by the service's own routes.
var reserved = []string{"api", "healthz", "metrics", "readyz"}

// NewCode returns a random code of eight characters (40 bits). Codes are not
// meant to be unguessable; a collision is caught by the unique constraint.
func NewCode() string {
	return strings.ToLower(rand.Text()[:8])
}

// ValidateCode checks a code chosen by a caller.
func ValidateCode(code string) error {
	if !codePattern.MatchString(code) {
		return errors.New("code must be 3 to 32 letters, digits, '-' or '_'")
	}
	if slices.Contains(reserved, strings.ToLower(code)) {
		return fmt.Errorf("code %q is reserved", code)
	}
	return nil
}

// NormalizeURL checks a link target and returns the form that is stored.
func NormalizeURL(raw string) (string, error) {
	if len(raw) > MaxURLLength {
		return "", fmt.Errorf("url is longer than %d bytes", MaxURLLength)
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return "", errors.New("url cannot be parsed")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("url must start with http:// or https://")
	}
	if u.Hostname() == "" {
		return "", errors.New("url has no host")
	}
	if u.User != nil {
		// https://bank.example@evil.example/ is a phishing classic.
		return "", errors.New("url must not contain a user name or password")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	// Escaping may have made the URL longer than what came in.
	normalized := u.String()
	if len(normalized) > MaxURLLength {
		return "", fmt.Errorf("url is longer than %d bytes", MaxURLLength)
	}
	return normalized, nil
}
