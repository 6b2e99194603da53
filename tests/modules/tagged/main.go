package main

func main() {
	println(edition)
}
