"""A recipe of seconds: quarter-second clips at 8 kHz, two layers, one epoch."""

from __future__ import annotations

RECIPE = """
[frontend]
preset = "kws-logmel-40"
fields = {sample_rate = 8000, clip_samples = 2000, window_length = 256, n_fft = 256, padding = "none", f_max = 4000}
[model.arguments]
channels = [8, 8]
stem_kernel = 3
[schedule]
epochs = 1
batch_size = 4
"""
