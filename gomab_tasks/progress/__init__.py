"""Tell what happens while it happens."""
