"""Collect what goes into an image: the project's files, certificates, accounts."""
