package shortlink_test

import (
	"strings"
	"testing"
	"time"

	"example.com/gomab/shortlinks/internal/shortlink"
)

func TestNewCodeIsValid(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := shortlink.NewCode()
		if err := shortlink.ValidateCode(code); err != nil {
			t.Fatalf("NewCode() = %q: %v", code, err)
		}
		if seen[code] {
			t.Fatalf("NewCode() returned %q twice in 1000 calls", code)
		}
		seen[code] = true
	}
}

func TestValidateCode(t *testing.T) {
	for _, code := range []string{"abc", "Q3-report", "a_b", strings.Repeat("x", 32)} {
		if err := shortlink.ValidateCode(code); err != nil {
			t.Errorf("ValidateCode(%q) = %v, want nil", code, err)
		}
	}
	for _, code := range []string{"", "ab", "a b", "a/b", "é23", "healthz", "API", "abc\n", strings.Repeat("x", 33)} {
		if shortlink.ValidateCode(code) == nil {
			t.Errorf("ValidateCode(%q) = nil, want an error", code)
		}
	}
}

func TestNormalizeURL(t *testing.T) {
	valid := map[string]string{
		"https://example.com":             "https://example.com/",
		" https://example.com/a?b=c#d ":   "https://example.com/a?b=c#d",
		"http://example.com:8080/ä":       "http://example.com:8080/%C3%A4",
		"HTTPS://example.com/Upper":       "https://example.com/Upper",
		"https://[2001:db8::1]:8443/path": "https://[2001:db8::1]:8443/path",
	}
	for raw, want := range valid {
		got, err := shortlink.NormalizeURL(raw)
		if err != nil || got != want {
			t.Errorf("NormalizeURL(%q) = %q, %v, want %q", raw, got, err, want)
		}
	}

	invalid := []string{
		"",
		"example.com",
		"ftp://example.com/",
		"javascript:alert(1)",
		"https:///path",
		"https://user:secret@example.com/",
		"https://example.com/\x00",
		"https://example.com/" + strings.Repeat("a", shortlink.MaxURLLength),
		"https://example.com/" + strings.Repeat("ä", shortlink.MaxURLLength/3),
	}
	for _, raw := range invalid {
		if got, err := shortlink.NormalizeURL(raw); err == nil {
			t.Errorf("NormalizeURL(%q) = %q, want an error", raw, got)
		}
	}
}

func TestExpired(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	past, future := now.Add(-time.Second), now.Add(time.Second)
	for _, tc := range []struct {
		name      string
		expiresAt *time.Time
		want      bool
	}{
		{"never", nil, false},
		{"past", &past, true},
		{"this instant", &now, true},
		{"future", &future, false},
	} {
		if got := (shortlink.Link{ExpiresAt: tc.expiresAt}).Expired(now); got != tc.want {
			t.Errorf("%s: Expired() = %v, want %v", tc.name, got, tc.want)
		}
	}
}
