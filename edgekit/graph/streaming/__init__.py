"""The exact streaming form of a window graph: one hop of frames in, one output out, the past kept as state."""
