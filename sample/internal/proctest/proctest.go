//go:build unix

// Package proctest runs the program under test as a process of its own, so
// that tests see real signals, exit codes and log lines.
package proctest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mainEnv tells the test binary to be the program instead of its tests.
const mainEnv = "PROCTEST_MAIN"

// Main is to be called by TestMain. It runs the program if this process was
// started by Command, and the tests otherwise.
func Main(m *testing.M, program func()) {
	if os.Getenv(mainEnv) != "" {
		program()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Command prepares to run the program with nothing but env in its environment.
func Command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append([]string{mainEnv + "=1"}, env...)
	return cmd
}

// Server is a running program which serves HTTP.
type Server struct {
	URL  string
	t    *testing.T
	cmd  *exec.Cmd
	done chan error

	mu   sync.Mutex
	logs bytes.Buffer
}

// Start runs the program on a free port and waits until it listens. The
// program is killed when the test ends, if Stop was not called before.
func Start(t *testing.T, env ...string) *Server {
	t.Helper()
	s := &Server{
		t:    t,
		cmd:  Command(t, append([]string{"ADDR=127.0.0.1:0"}, env...)),
		done: make(chan error, 1),
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	go func() {
		s.follow(stderr, addr)
		s.done <- s.cmd.Wait() // only once everything has been read
	}()
	select {
	case a := <-addr:
		s.URL = "http://" + a
	case err := <-s.done:
		t.Fatalf("program ended early: %v\n%s", err, s.Logs())
	case <-time.After(20 * time.Second):
		t.Fatalf("program does not listen\n%s", s.Logs())
	}
	return s
}

// follow keeps the log and finds the address in it.
func (s *Server) follow(stderr io.Reader, addr chan<- string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		s.mu.Lock()
		s.logs.Write(lines.Bytes())
		s.logs.WriteByte('\n')
		s.mu.Unlock()

		var line struct{ Msg, Addr string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			addr <- line.Addr
		}
	}
}

// Logs returns what the program has logged so far.
func (s *Server) Logs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.String()
}

// Stop sends SIGTERM and expects the program to end well.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("after SIGTERM: %v\n%s", err, s.Logs())
		}
	case <-time.After(20 * time.Second):
		s.t.Errorf("still running after SIGTERM\n%s", s.Logs())
	}
}

// Get returns status and body of a path, without following redirects.
func (s *Server) Get(path string) (int, string, http.Header) {
	s.t.Helper()
	client := &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Get(s.URL + path)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.Logs())
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

// WaitFor polls a path until it answers 200.
func (s *Server) WaitFor(path string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, body, _ := s.Get(path)
		if status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("GET %s = %d %s\n%s", path, status, body, s.Logs())
		}
	}
}
