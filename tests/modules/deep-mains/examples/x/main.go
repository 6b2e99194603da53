package main

func main() {
	println("examples/x")
}
