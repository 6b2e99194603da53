package main

func main() {
	println("server of b")
}
