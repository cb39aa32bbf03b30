"""Certificates of all networks of a family at once: intervals of weights, biases and noise levels."""
