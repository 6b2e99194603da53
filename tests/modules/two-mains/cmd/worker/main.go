package main

import "example.com/pair/internal/greeting"

func main() {
	println(greeting.For("worker"))
}
