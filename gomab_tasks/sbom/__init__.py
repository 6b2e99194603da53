"""Write a bill of materials of an image, from the bytes of its layers."""
