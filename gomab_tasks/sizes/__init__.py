"""Measure images, and hold them against what they may weigh."""
