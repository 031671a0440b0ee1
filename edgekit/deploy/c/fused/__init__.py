"""Element-wise operators and means that run as one step over the positions of a shape (graph/fused_group.py)."""
