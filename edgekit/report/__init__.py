"""Text, JSON and HTML out of results; imports core only."""
