"""Augmentation of waveforms and features, online on the training device and offline into files."""
