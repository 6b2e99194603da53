package main

func main() {
	println("services/a")
}
