"""Hand on what `images` left: to a registry, back from one, into one file."""
