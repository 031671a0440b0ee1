"""Cycles of a core, estimated: instructions by their cost in Arm's manuals, and the waits of the flash."""
