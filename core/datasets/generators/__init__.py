"""Data sets that the project makes itself, from a seed: the same bytes on every machine and Python."""
