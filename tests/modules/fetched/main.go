package main

import "example.com/tiny"

func main() {
	println(tiny.Name)
}
