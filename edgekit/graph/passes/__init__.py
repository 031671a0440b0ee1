"""Graph to graph: lowering, folding, fusing."""
