package main

import _ "embed"

//go:embed motto.txt
var motto string

func main() {
	print(motto)
}
