package main

import "example.invalid/none"

func main() {
	println(none.Name)
}
