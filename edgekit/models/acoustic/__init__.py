"""Acoustic models that serve as sources: recurrent with attention, and VGGish."""
