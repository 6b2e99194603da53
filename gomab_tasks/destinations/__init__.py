"""Say where images go: names, repositories, clients of registries."""
