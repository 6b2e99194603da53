"""Bring gomab into a project that has a Dockerfile and perhaps task files already.

What a Dockerfile says is carried over into `[tool.gomab]` where a key stands for
it; whatever none stands for is said, with its line. Files that exist only get
lines added. Nothing is written before every change is known.
"""
