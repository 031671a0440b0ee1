"""Shapes of the registered models without torch: what changes when an argument changes."""
