"""Post-training quantization: calibration, observers, integer graphs."""
