"""The integer reference: int8 arithmetic of the edge dialect, byte for byte what TFLM computes."""
