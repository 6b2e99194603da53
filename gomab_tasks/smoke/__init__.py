"""Try the programs of images, each for its own platform."""
