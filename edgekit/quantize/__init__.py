"""Calibration and post-training quantization of edge graphs."""
