"""Clips as sound in a page."""

from __future__ import annotations

import base64
import io

import numpy as np

from edgekit.core.optional import require

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
LONGEST_S = 10.0
"""What a page plays of a longer clip."""


def sound_uri(pcm: np.ndarray, rate: int, room: int) -> str:
    """A ``data:`` address of a clip: 16-bit WAV where it fits into ``room`` bytes, Ogg Opus otherwise.

    Args:
        pcm: int16 [n].
        rate: in Hz.
        room: bytes of the address.

    Returns:
        The address, or "" where neither form fits.
    """
    shown = pcm[: int(LONGEST_S * rate)]
    if 4 * (2 * len(shown) + 44) // 3 + 32 <= room:
        return _uri("audio/wav", _encoded(shown, rate, "WAV", "PCM_16"))
    heard = next((known for known in OPUS_RATES if known >= rate), OPUS_RATES[-1])
    if heard != rate:
        shown = np.rint(require("soxr", "base").resample(shown, rate, heard)).astype(np.int16)
    uri = _uri("audio/ogg", _encoded(shown, heard, "OGG", "OPUS"))
    return uri if len(uri) <= room else ""


def _encoded(pcm: np.ndarray, rate: int, form: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    require("soundfile", "base").write(stream, pcm, rate, format=form, subtype=subtype)
    return stream.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
