"""Offline augmentation: steps on waveforms and the plans that say which clips get which. Needs no torch."""
