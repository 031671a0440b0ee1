"""Requantization of output channels as rows of bytes: seven where bias and shift fit three of them, else eight.

Seven: 16 · (2 · bias) + shift in three bytes, lowest first, and the factor. Eight: the ``dsp_channel`` of
intrinsics.py. Registers and the C twins get the latter's first word from both.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.dsp.requantize import channel_words
from edgekit.deploy.c.text import array_lines
from edgekit.graph.integer.params import Accumulate

BIAS_LIMIT = 1 << 18
SHIFT_LIMIT = 1 << 4


def compact(arithmetic: Accumulate) -> bool:
    """Seven bytes are enough for every channel."""
    words = channel_words(arithmetic)[:, 0]
    return bool(np.abs(words >> 8).max() < BIAS_LIMIT and (words & 255).max() < SHIFT_LIMIT)


def row_bytes(arithmetic: Accumulate) -> int:
    """Of a channel."""
    return 7 if compact(arithmetic) else 8


def rows(arithmetic: Accumulate) -> list[int]:
    """The bytes of all channels, lowest first."""
    words = channel_words(arithmetic)
    if not compact(arithmetic):
        return list(words.astype("<i4").tobytes())
    short = (words[:, 0] >> 8) * 32 + (words[:, 0] & 15)
    low, factors = (part.astype("<i4").view(np.uint8).reshape(-1, 4) for part in (short, words[:, 1]))
    return np.concatenate([low[:, :3], factors], axis=1).ravel().tolist()


def byte_table(name: str, header: list[int], cells: list[int]) -> str:
    """Definition of an array: the words of ``header``, lowest byte first, and the bytes of rows."""
    values = [*np.array(header, "<i4").tobytes(), *cells]
    lines = array_lines(map(str, values))
    return f"static const _Alignas(4) uint8_t {name}[{len(values)}] = {{\n{lines}\n}};\n"


def twin(arithmetic: Accumulate, row: str) -> str:
    """A C expression: the ``dsp_channel`` of the row at the pointer ``row``."""
    return f"{'dsp_compact' if compact(arithmetic) else 'dsp_plain'}({row})"


def load(arithmetic: Accumulate, word: str, factor: str, row: str, free: str) -> list[str]:
    """Instructions that load a row: 256 · bias + shift and the factor; ``free`` may be overwritten."""
    if not compact(arithmetic):
        return [f"ldr {word}, [{row}]", f"ldr {factor}, [{row}, #4]"]
    return [
        f"ldr {word}, [{row}]", f"ldr {factor}, [{row}, #3]", f"sbfx {free}, {word}, #4, #20",
        f"and {word}, {word}, #15", f"orr {word}, {word}, {free}, lsl #7",
    ]  # fmt: skip


def start(arithmetic: Accumulate, sums: tuple[str, ...], word: str) -> list[str]:
    """Instructions that set all ``sums`` to twice the bias in a row's first word."""
    first = f"sbfx {sums[0]}, {word}, #4, #20" if compact(arithmetic) else f"asr {sums[0]}, {word}, #7"
    return [first, *(f"mov {total}, {sums[0]}" for total in sums[1:])]


def load_end(arithmetic: Accumulate, word: str, factor: str, row: str, at: int) -> list[str]:
    """Instructions that load the row ``at`` bytes from ``row``: the shift in the lowest byte, and the factor."""
    if not compact(arithmetic):
        return [f"ldr {word}, [{row}, #{at}]", f"ldr {factor}, [{row}, #{at + 4}]"]
    return [f"ldr {word}, [{row}, #{at}]", f"ldr {factor}, [{row}, #{at + 3}]", f"and {word}, {word}, #15"]


HELPERS: tuple[tuple[str, str], ...] = (
    (
        "dsp_compact",
        """\
/* A channel in seven bytes: 16 * (2 * bias) + shift in three, and the factor. */
__attribute__((unused)) static inline dsp_channel dsp_compact(const uint8_t *row) {
    const uint32_t low = (uint32_t)row[0] | (uint32_t)row[1] << 8 | (uint32_t)row[2] << 16;
    const int32_t twice = (int32_t)(low << 8) >> 12;
    dsp_channel c;
    c.bias_shift = (int32_t)((uint32_t)twice << 7 | (low & 15u));
    memcpy(&c.multiplier, row + 3, sizeof c.multiplier);
    return c;
}
""",
    ),
    (
        "dsp_plain",
        """\
/* A channel in eight bytes. */
__attribute__((unused)) static inline dsp_channel dsp_plain(const uint8_t *row) {
    dsp_channel c;
    memcpy(&c, row, sizeof c);
    return c;
}
""",
    ),
)
"""(name, definition), to be placed behind DSP_HELPERS; used by twins alone."""
