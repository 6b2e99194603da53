package main

func main() {
	println("before")
	println(missing)
}
