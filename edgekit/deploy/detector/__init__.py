"""The detector in C: the integers of :mod:`edgekit.detect` on a chip."""
