"""Build small multi-arch container images of Go services, fast."""

__version__ = "0.1.0"
