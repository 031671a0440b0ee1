"""Convolutions and fully connected layers whose weights lie in flash as numbers of four bits (graph/packing.py)."""
