"""Know Go: its toolchain, modules, builds and the binaries they leave."""
