"""Read and fetch the images that others stand on."""
