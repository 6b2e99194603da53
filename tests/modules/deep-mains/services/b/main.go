package main

func main() {
	println("services/b")
}
