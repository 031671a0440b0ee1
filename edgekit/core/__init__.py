"""Types, units, errors, digests and files that every other room may use; imports nothing else of edgekit."""
