package main

func main() {
	println("tools/gen")
}
