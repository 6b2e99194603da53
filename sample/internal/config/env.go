package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// env reads variables and collects what is wrong with them, so that one run
// reports every mistake instead of the first.
type env struct {
	getenv func(string) string
	errs   []error
}

func (e *env) fail(key, format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

func (e *env) text(key, fallback string) string {
	if v := strings.TrimSpace(e.getenv(key)); v != "" {
		return v
	}
	return fallback
}

func (e *env) flag(key string, fallback bool) bool {
	v := e.text(key, "")
	if v == "" {
		return fallback
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		e.fail(key, "%q is not a boolean, want true or false", v)
		return fallback
	}
	return b
}

func (e *env) number(key string, fallback, low, high int) int {
	v := e.text(key, "")
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		e.fail(key, "%q is not a whole number", v)
		return fallback
	}
	if n < low || n > high {
		e.fail(key, "%d is out of range, want %d to %d", n, low, high)
		return fallback
	}
	return n
}

func (e *env) duration(key string, fallback, low, high time.Duration) time.Duration {
	v := e.text(key, "")
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		e.fail(key, "%q is not a duration, want something like 30s or 5m", v)
		return fallback
	}
	if d < low || d > high {
		e.fail(key, "%v is out of range, want %v to %v", d, low, high)
		return fallback
	}
	return d
}
