"""Real multiplications of Fourier transforms: one convention for operators and for the front-end."""

from __future__ import annotations


def fft_multiplies(length: int, real: bool) -> int:
    """Real multiplications of one transform of ``length`` points.

    A power of two runs as a radix-2 FFT: (n/2)·log2(n) butterflies of one complex product, which is 4 real ones: a
    complex transform takes 2·n·log2(n). A real one runs as a complex FFT of n/2 points, n·(log2(n) − 1), and n/4
    complex products that split the spectrum, n: together n·log2(n) (Press et al., Numerical Recipes, 12.2 and 12.3).
    Trivial twiddles are not taken off. Other lengths count as the defining sum, 2·n real products a bin and real input:
    2·n·(n//2 + 1), or 4·n² for complex input.
    """
    if length < 2:
        return 0
    if length & (length - 1) == 0:
        full = length * (length.bit_length() - 1)
        return full if real else 2 * full
    return 2 * length * (length // 2 + 1) if real else 4 * length * length
