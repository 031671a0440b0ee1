"""Readers of model files from strangers: bounded, never executing, ending in a Graph or a clear error."""
