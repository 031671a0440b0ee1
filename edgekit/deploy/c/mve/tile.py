"""Pairs of patches with four filters at a time, in Helium assembly: eight sums of 16 products in flight, of int16 8.

Both patches of a pair lie chunk by chunk beside each other, and so do the filters of a group: two pointers load
everything in order. VMLADAVA sums into even core registers only: the eight of them hold the sums, the odd ones what
else is needed. What a load takes behind a filter's last values is multiplied by the zeros that fill up a patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp import wide_requantize
from edgekit.deploy.c.dsp.assembly import constant, function
from edgekit.deploy.c.kernel import Function, int8_array
from edgekit.deploy.c.mve.lines import RESTORE, SAVE, add, constant16, narrow, places16, rescale, to_element
from edgekit.deploy.c.mve.requantize import channel_rows
from edgekit.deploy.c.text import array_lines, fill, int32
from edgekit.graph.integer.params import Accumulate

CHUNK = 16
"""Bytes of a patch that a vector holds."""
FILTERS = 4
PATCHES = 4
_SUMS = (("r0", "r2", "r4", "r6"), ("r8", "r10", "ip", "lr"))
_STRAIGHT = 5
"""Chunks of a patch up to which the products are straight code."""
_TOGETHER = 2
"""Chunks of a pass where they are a loop."""

_TWIN = """\
for (int32_t o = 0; o < @outputs@; o++) {
    const @four@ *four = c + o / 4;
@how@    const int8_t *group = w + o / 4 * @group_bytes@;
    const int32_t filters = @outputs@ - o / 4 * 4 < 4 ? @outputs@ - o / 4 * 4 : 4;
    for (int32_t p = 0; p < @count@; p++) {
        const @kind@ *patch = block + p / 2 * @pair@ + p % 2 * @chunk@;
        int32_t s = four->bias[o % 4];
        for (int32_t k = 0; k < @depth@; k++) {
            const int32_t chunk = k / @chunk@ * @chunk@;
            const int32_t values = @depth@ - chunk < @chunk@ ? @depth@ - chunk : @chunk@;
            s += patch[2 * chunk + k - chunk] * group[chunk * filters + o % 4 * values + k - chunk];
        }
        y[p * @outputs@ + o] = @value@;
    }
}
"""


@dataclass(frozen=True)
class Form:
    """What differs between layers on int8 and on int16.

    Attributes:
        arithmetic: of the layer.
        each: bytes of an activation.
    """

    arithmetic: Accumulate
    each: int

    @classmethod
    def of(cls, arithmetic: Accumulate) -> Form:
        """That of a layer."""
        return cls(arithmetic, 2 if arithmetic.clamp.dtype == "int16" else 1)

    @property
    def values(self) -> int:
        """Of a chunk."""
        return CHUNK // self.each

    @property
    def kind(self) -> str:
        """C type of an activation."""
        return "int8_t" if self.each == 1 else "int16_t"

    @property
    def four(self) -> tuple[str, int]:
        """C type of a group's channels, and vectors in it."""
        return ("mve_four", 3) if self.each == 1 else ("mve_wide_four", 2)

    def padded(self, depth: int) -> int:
        """Bytes of a patch with what fills it up to whole chunks."""
        return CHUNK * -(-depth // self.values)


def filter_groups(name: str, arithmetic: Accumulate) -> str:
    """Definition of the weights: groups of four filters, chunk by chunk, and zeros that the last load may take."""
    rows, values = arithmetic.weights.reshape(arithmetic.weights.shape[0], -1), Form.of(arithmetic).values
    cuts = [*range(0, rows.shape[1], values), rows.shape[1]]
    groups = [rows[first : first + FILTERS] for first in range(0, len(rows), FILTERS)]
    parts = [group[:, low:high].ravel() for group in groups for low, high in pairwise(cuts)]
    return int8_array(name, np.concatenate([*parts, np.zeros(-rows.shape[1] % values, np.int8)]))


def fours(name: str, arithmetic: Accumulate) -> str:
    """Definition of the array of a layer's groups of channels, filled up to whole ones."""
    (kind, vectors), rows = Form.of(arithmetic).four, channel_rows(arithmetic, 0)
    columns = [
        np.pad(rows[:, i], (0, -len(rows) % FILTERS), constant_values=-1 if i == 2 else 0).reshape(-1, FILTERS)
        for i in range(vectors)
    ]
    cells = [
        "{" + ", ".join("{" + ", ".join(map(int32, part)) + "}" for part in row) + "}"
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return f"static const {kind} {name}[{len(cells)}] = {{\n{array_lines(cells)}\n}};\n"


def block_kernel(arithmetic: Accumulate, count: int) -> Function:
    """``(block, w, c, y)``: ``count`` patches in pairs to y [count, O]."""
    form, outputs = Form.of(arithmetic), arithmetic.weights.shape[0]
    depth = arithmetic.weights.size // outputs
    how, value = _twin_end(arithmetic)
    twin = fill(
        _TWIN, outputs=outputs, depth=depth, group_bytes=FILTERS * depth, count=count, chunk=form.values,
        pair=2 * form.padded(depth) // form.each, how=how, value=value, four=form.four[0], kind=form.kind,
    )  # fmt: skip
    parameters = (f"const {form.kind} *block", "const int8_t *w", f"const {form.four[0]} *c", f"{form.kind} *y")
    comment = f"{count} patches of {depth} values with all filters."
    text = function(comment, parameters, _lines(form, depth, count), twin, "MVE")
    return Function(f"{'wide_' if form.each > 1 else ''}block_{count}x{depth}_to_{outputs}", text)


def _twin_end(arithmetic: Accumulate) -> tuple[str, str]:
    """A declaration, and the output of the sum ``s`` as a C expression that reads it."""
    if arithmetic.clamp.dtype == "int16":
        return "", wide_requantize.value(arithmetic, "s", "four->factor[o % 4]")
    zero, low, high = (paren(n) for n in (arithmetic.output_zero_point, arithmetic.clamp.low, arithmetic.clamp.high))
    how = "    const mve_channel how = {0, four->multiplier[o % 4], four->power[o % 4]};\n"
    return how, f"mve_value(s, &how, {zero}, {low}, {high})"


def _lines(form: Form, depth: int, count: int) -> list[str]:
    """Block r1, weights r3, channels r5, y r7, count of passes r9, the channels' end r11; patches q0 and q1, weights q2
    and q3, places of outputs q4, biases q5, factors q6, powers q7.
    """
    outputs = form.arithmetic.weights.shape[0]
    groups, part = divmod(outputs, FILTERS)
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #4", SAVE,
        "mov r7, r3", "mov r5, r2", "mov r3, r1", "mov r1, r0", *places16("q4", form.each, form.each * outputs, "r4"),
        *constant("r11", 16 * form.four[1] * groups), "add r11, r11, r5",
        *(["1:", *_group(form, depth, count, FILTERS), "cmp r5, r11", "bne 1b"] if groups else []),
        *(_group(form, depth, count, part) if part else []),
        RESTORE, "add sp, sp, #4", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _group(form: Form, depth: int, count: int, filters: int) -> list[str]:
    """All patches with a group of filters; then the pointers stand at the next group."""
    outputs = form.arithmetic.weights.shape[0] * form.each
    lines = [f"vldrw.u32 q{5 + i}, [r5], #16" for i in range(form.four[1])]
    for first in range(0, count, 2):
        patches, last = min(2, count - first), first + 2 >= count
        lines += _products(form, depth, patches, filters, label=2 + first)
        lines += _stores(form, patches, filters)
        lines += [] if last else [*add("r3", -filters * depth), *add("r7", 2 * outputs)]
    pairs = -(-count // 2)
    to = FILTERS * form.each - 2 * (pairs - 1) * outputs
    return [*lines, *add("r1", -2 * pairs * form.padded(depth)), *add("r7", to)]


def _products(form: Form, depth: int, patches: int, filters: int, label: int) -> list[str]:
    full, rest = divmod(depth, form.values)
    body = _chunk(form, patches, filters, form.values)
    tail = _chunk(form, patches, filters, rest) if rest else []
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
    return [line.replace("vmladava.", "vmladav.") for line in chunk]


def _chunk(form: Form, patches: int, filters: int, values: int) -> list[str]:
    """Up to a chunk of values; of a single patch the place of the second is stepped over."""
    load, size = ("vldrb.u8", 8) if form.each == 1 else ("vldrb.s16", 16)
    lines = [f"vldrb.u8 q{p}, [r1], #{CHUNK if patches == 2 else 2 * CHUNK}" for p in range(patches)]
    for f in range(filters):
        lines.append(f"{load} q{2 + f % 2}, [r3], #{values}")
        lines += [f"vmladava.s{size} {_SUMS[p][f]}, q{p}, q{2 + f % 2}" for p in range(patches)]
    return lines


def _stores(form: Form, patches: int, filters: int) -> list[str]:
    lines, arithmetic = [], form.arithmetic
    for p in range(patches):
        for low in range(min(2, filters)):
            high = low + 2 if low + 2 < filters else low
            lines.append(f"vmov q{p}[{low + 2}], q{p}[{low}], {_SUMS[p][low]}, {_SUMS[p][high]}")
        lines.append(f"vadd.i32 q{p}, q{p}, q5")
    for p in range(patches):
        lines += rescale(arithmetic, f"q{p}", "q6", "q7", "q2")
    live = [] if filters == FILTERS else ["mov r0, #" + str(filters), "vctp.32 r0", "vpst"]
    store = ("vstrb" if form.each == 1 else "vstrh") + ("t" if live else "")
    where = f"{store}.16 q0, [r7, q4]" if patches == 2 else f"{store}.32 q0, [r7]"
    return [
        *lines, *narrow("q0", "q1" if patches == 2 else None), constant16("q2", arithmetic.output_zero_point),
        *to_element(arithmetic, "q0", "q2"), *live, where,
    ]  # fmt: skip
