"""Data sets, manifests, the audio cache and keyword synthesis."""
