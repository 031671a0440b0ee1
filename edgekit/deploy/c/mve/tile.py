"""Pairs of patches with four filters at a time, in Helium assembly: eight sums of 16 products in flight.

Both patches of a pair lie chunk by chunk beside each other, and so do the filters of a group: two pointers load
everything in order. VMLADAVA sums into even core registers only: the eight of them hold the sums, the odd ones what
else is needed. What a load takes behind a filter's last values is multiplied by the zeros that fill up a patch.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp.assembly import constant, function
from edgekit.deploy.c.kernel import Function, int8_array
from edgekit.deploy.c.mve.lines import RESTORE, SAVE, add, constant16, narrow, places16, rescale, to_int8
from edgekit.deploy.c.text import array_lines, fill, int32
from edgekit.graph.integer.params import Accumulate

CHUNK = 16
FILTERS = 4
PATCHES = 4
_SUMS = (("r0", "r2", "r4", "r6"), ("r8", "r10", "ip", "lr"))
_STRAIGHT = 5
"""Chunks of a patch up to which the products are straight code."""
_TOGETHER = 2
"""Chunks of a pass where they are a loop."""

_TWIN = """\
for (int32_t o = 0; o < @outputs@; o++) {
    const mve_four *four = c + o / 4;
    const mve_channel how = {0, four->multiplier[o % 4], four->power[o % 4]};
    const int8_t *group = w + o / 4 * @group_bytes@;
    const int32_t filters = @outputs@ - o / 4 * 4 < 4 ? @outputs@ - o / 4 * 4 : 4;
    for (int32_t p = 0; p < @count@; p++) {
        const int8_t *patch = block + p / 2 * @pair_bytes@ + p % 2 * @chunk@;
        int32_t s = four->bias[o % 4];
        for (int32_t k = 0; k < @depth@; k++) {
            const int32_t chunk = k / @chunk@ * @chunk@;
            const int32_t values = @depth@ - chunk < @chunk@ ? @depth@ - chunk : @chunk@;
            s += patch[2 * chunk + k - chunk] * group[chunk * filters + o % 4 * values + k - chunk];
        }
        y[p * @outputs@ + o] = mve_value(s, &how, @zero@, @low@, @high@);
    }
}
"""


def padded(depth: int) -> int:
    """Values of a patch with what fills it up to whole chunks."""
    return CHUNK * -(-depth // CHUNK)


def filter_groups(name: str, arithmetic: Accumulate) -> str:
    """Definition of the weights: groups of four filters, chunk by chunk, and zeros that the last load may take."""
    rows = arithmetic.weights.reshape(arithmetic.weights.shape[0], -1)
    cuts = [*range(0, rows.shape[1], CHUNK), rows.shape[1]]
    groups = [rows[first : first + FILTERS] for first in range(0, len(rows), FILTERS)]
    parts = [group[:, low:high].ravel() for group in groups for low, high in pairwise(cuts)]
    return int8_array(name, np.concatenate([*parts, np.zeros(-rows.shape[1] % CHUNK, np.int8)]))


def fours(name: str, arithmetic: Accumulate) -> str:
    """Definition of a layer's ``mve_four`` array, filled up to whole groups."""
    fill_up = -len(arithmetic.multiplier) % FILTERS
    powers = np.where(arithmetic.multiplier == 0, -1, arithmetic.shift.astype(np.int64))
    columns = [
        np.pad(values.astype(np.int64), (0, fill_up), constant_values=filling).reshape(-1, FILTERS)
        for values, filling in ((arithmetic.folded_bias, 0), (arithmetic.multiplier, 0), (powers, -1))
    ]
    cells = [
        "{" + ", ".join("{" + ", ".join(map(int32, part)) + "}" for part in row) + "}"
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return f"static const mve_four {name}[{len(cells)}] = {{\n{array_lines(cells)}\n}};\n"


def block_kernel(arithmetic: Accumulate, count: int) -> Function:
    """``(block, w, c, y)``: ``count`` patches in pairs to y int8 [count, O]."""
    outputs = arithmetic.weights.shape[0]
    depth = arithmetic.weights.size // outputs
    clamp = arithmetic.clamp
    twin = fill(
        _TWIN, outputs=outputs, depth=depth, group_bytes=FILTERS * depth, count=count, chunk=CHUNK,
        pair_bytes=2 * padded(depth), zero=paren(arithmetic.output_zero_point), low=paren(clamp.low),
        high=paren(clamp.high),
    )  # fmt: skip
    parameters = ("const int8_t *block", "const int8_t *w", "const mve_four *c", "int8_t *y")
    comment = f"{count} patches of {depth} values with all filters."
    text = function(comment, parameters, _lines(arithmetic, depth, count), twin, "MVE")
    return Function(f"block_{count}x{depth}_to_{outputs}", text)


def _lines(arithmetic: Accumulate, depth: int, count: int) -> list[str]:
    """Block r1, weights r3, channels r5, y r7, count of passes r9, the channels' end r11; patches q0 and q1, weights q2
    and q3, places of outputs q4, biases q5, factors q6, powers q7.
    """
    outputs = arithmetic.weights.shape[0]
    groups, part = divmod(outputs, FILTERS)
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #4", SAVE,
        "mov r7, r3", "mov r5, r2", "mov r3, r1", "mov r1, r0", *places16("q4", 1, outputs, "r4"),
        *constant("r11", 48 * groups), "add r11, r11, r5",
        *(["1:", *_group(arithmetic, depth, count, FILTERS), "cmp r5, r11", "bne 1b"] if groups else []),
        *(_group(arithmetic, depth, count, part) if part else []),
        RESTORE, "add sp, sp, #4", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _group(arithmetic: Accumulate, depth: int, count: int, filters: int) -> list[str]:
    """All patches with a group of filters; then the pointers stand at the next group."""
    outputs = arithmetic.weights.shape[0]
    lines = [f"vldrw.u32 q{i}, [r5], #16" for i in (5, 6, 7)]
    for first in range(0, count, 2):
        patches, last = min(2, count - first), first + 2 >= count
        lines += _products(depth, patches, filters, label=2 + first)
        lines += _stores(arithmetic, patches, filters)
        lines += [] if last else [*add("r3", -filters * depth), *add("r7", 2 * outputs)]
    pairs = -(-count // 2)
    return [*lines, *add("r1", -2 * pairs * padded(depth)), *add("r7", FILTERS - 2 * (pairs - 1) * outputs)]


def _products(depth: int, patches: int, filters: int, label: int) -> list[str]:
    full, rest = divmod(depth, CHUNK)
    body = _chunk(patches, filters, CHUNK)
    tail = _chunk(patches, filters, rest) if rest else []
    if full + bool(rest) <= _STRAIGHT:
        chunks = [*(body for _ in range(full)), *([tail] if rest else [])]
        return [*_first(chunks[0]), *(line for chunk in chunks[1:] for line in chunk)]
    passes, odd = divmod(full, _TOGETHER)
    return [
        *(f"mov {total}, #0" for sums in _SUMS[:patches] for total in sums[:filters]), *constant("r9", passes),
        f"{label}:", *body * _TOGETHER, "subs r9, r9, #1", f"bne {label}b", *body * odd, *tail,
    ]  # fmt: skip


def _first(chunk: list[str]) -> list[str]:
    """The chunk that begins the sums."""
    return [line.replace("vmladava.s8", "vmladav.s8") for line in chunk]


def _chunk(patches: int, filters: int, values: int) -> list[str]:
    """Up to 16 values; of a single patch the place of the second is stepped over."""
    lines = [f"vldrb.u8 q{p}, [r1], #{CHUNK if patches == 2 else 2 * CHUNK}" for p in range(patches)]
    for f in range(filters):
        lines.append(f"vldrb.u8 q{2 + f % 2}, [r3], #{values}")
        lines += [f"vmladava.s8 {_SUMS[p][f]}, q{p}, q{2 + f % 2}" for p in range(patches)]
    return lines


def _stores(arithmetic: Accumulate, patches: int, filters: int) -> list[str]:
    lines = []
    for p in range(patches):
        for low in range(min(2, filters)):
            high = low + 2 if low + 2 < filters else low
            lines.append(f"vmov q{p}[{low + 2}], q{p}[{low}], {_SUMS[p][low]}, {_SUMS[p][high]}")
        lines.append(f"vadd.i32 q{p}, q{p}, q5")
    for p in range(patches):
        lines += rescale(arithmetic, f"q{p}", "q6", "q7", "q2")
    live = [] if filters == FILTERS else ["mov r0, #" + str(filters), "vctp.32 r0", "vpst"]
    store = "vstrbt" if live else "vstrb"
    where = f"{store}.16 q0, [r7, q4]" if patches == 2 else f"{store}.32 q0, [r7]"
    return [
        *lines, *narrow("q0", "q1" if patches == 2 else None), constant16("q2", arithmetic.output_zero_point),
        *to_int8(arithmetic, "q0", "q2"), *live, where,
    ]  # fmt: skip
