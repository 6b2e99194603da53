package main

func main() {
	println("tool, version 2")
}
