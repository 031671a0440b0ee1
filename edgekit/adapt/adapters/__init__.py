"""Small trainable parts for a frozen spectrogram transformer."""
