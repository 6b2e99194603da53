"""Speak to registries as the OCI distribution spec describes."""
