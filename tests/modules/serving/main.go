// Serve HTTP by bare system calls: the net package takes seconds to compile for each platform.
package main

import (
	"strconv"
	"strings"
	"syscall"
)

func main() {
	value, _ := syscall.Getenv("PORT")
	port, _ := strconv.Atoi(value)
	socket, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Port: port}); err != nil {
		println("cannot listen:", err.Error())
		syscall.Exit(3)
	}
	syscall.Listen(socket, 8)
	token, _ := syscall.Getenv("TOKEN")
	println("serving as", syscall.Getuid(), token)
	for {
		connection, _, err := syscall.Accept(socket)
		if err == nil {
			answer(connection)
		}
	}
}

// answer serves /healthz, and every path that the program finds as a file.
func answer(connection int) {
	defer syscall.Close(connection)
	request := make([]byte, 4096)
	count, _ := syscall.Read(connection, request)
	words := strings.Fields(string(request[:max(count, 0)]))
	status := "404 Not Found"
	if len(words) > 1 && (words[1] == "/healthz" || syscall.Access(words[1], 0) == nil) {
		status = "200 OK"
	}
	syscall.Write(connection, []byte("HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n"))
}
