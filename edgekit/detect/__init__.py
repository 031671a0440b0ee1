"""From outputs of a model to events: posterior smoothing, thresholds, refractory time, gates and gain, in integers."""
