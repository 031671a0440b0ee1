"""What a model does on clips: scores, calibration, intervals, comparisons of two models."""
