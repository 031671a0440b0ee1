"""Keyword sets from text: voices, plan, acoustics, rendering in worker processes."""
