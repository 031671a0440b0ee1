"""One channel's int16 plane with one filter, two outputs at a time, in assembly with DSP instructions.

All weights of a channel stay in registers as pairs of int16; a row of three taps takes one LDRD and four
multiply-accumulates for two outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.deploy.c.dsp.assembly import add, constant, function
from edgekit.deploy.c.dsp.ending import Ending, ending_of
from edgekit.deploy.c.dsp.taps import ASM, TWIN, Row, row_of
from edgekit.deploy.c.text import fill, text_of
from edgekit.deploy.c.turned_plane import TurnedPlane

WEIGHTS = ("r2", "r3", "r4", "r5", "r6", "r7")
"""Pairs of weights that stay in registers beside two sums, two words of the plane, pointers and the factor."""
_SUMS = ("r10", "r11")

_TWIN = """\
const dsp_channel how = @channel@;
@words@@weights@for (int32_t i = 0; i < @across@; i++) {
    const int8_t *from = plane + i * @row_bytes@;
    @kind@ *to = y + i * @across_step@;
    for (int32_t j = 0; j < @along@; j += 2) {
        int32_t s0 = @start@;
        int32_t s1 = @start@;
@products@        to[0] = @first@;
        if (j + 1 < @along@) {
            to[@step@] = @second@;
        }
        from += @advance@;
        to += @two_steps@;
    }
}
"""


@dataclass(frozen=True)
class PairPlane(TurnedPlane):
    """With what two outputs at a time ask of it, in bytes."""

    @property
    def ending(self) -> Ending:
        """Of sums."""
        return ending_of(self.params.arithmetic, 3)

    @property
    def output_bytes(self) -> tuple[int, int]:
        """Between neighbouring outputs, (across, along)."""
        return self.outputs[0] * self.ending.nbytes, self.outputs[1] * self.ending.nbytes

    @property
    def row_bytes(self) -> int:
        """Of the plane."""
        return 2 * self.plane.wide[1]

    @property
    def tap_row_bytes(self) -> int:
        """Between rows of taps."""
        return self.row_bytes * self.dilation[0]

    @property
    def rows(self) -> int:
        """Rows of taps."""
        return self.kernel[0]

    @property
    def advance(self) -> int:
        """Between pairs of outputs."""
        return 4 * self.stride[1]

    @property
    def row(self) -> Row:
        """Products of one of them."""
        return row_of(self.kernel[1], self.stride[1])


def channel_text(shape: PairPlane, unroll: int) -> str:
    """``(plane, y, c, w)``: one channel's plane with one filter to its outputs; sums are doubled by the weights.

    Args:
        shape: of the layer.
        unroll: pairs of outputs between two branches.
    """
    rows, taps = shape.kernel
    comment = f"One channel: {rows} rows of {taps} taps, two outputs at a time."
    parameters = ("const int8_t *plane", f"{shape.ending.kind} *y", "const uint8_t *c", "const int8_t *w")
    return function(comment, parameters, _lines(shape, unroll), _twin(shape))


def _pairs(shape: PairPlane) -> list[tuple[int, int | None]]:
    """Places in the filter of the two weights of every pair; None behind the last tap of a row."""
    (rows, taps), (row_step, tap_step) = shape.kernel, shape.weight_steps
    return [
        (k * row_step + t * tap_step, k * row_step + (t + 1) * tap_step if t + 1 < taps else None)
        for k in range(rows)
        for t in shape.row.pairs
    ]


def _twin(shape: PairPlane) -> str:
    ending, row = shape.ending, shape.row
    across, along = shape.results
    times = "" if ending.times == 1 else f"{ending.times} * "
    weights = "".join(
        f"const uint32_t w{i} = twin_pair({times}w[{low}], {'0' if high is None else f'{times}w[{high}]'});\n"
        for i, (low, high) in enumerate(_pairs(shape))
    )
    products = "".join(
        f"        s{p.output} = {TWIN[p.kind]}(dsp_word(from + {k * shape.tap_row_bytes + 4 * p.word}), "
        f"w{k * len(row.pairs) + p.pair}, s{p.output});\n"
        for k in range(shape.rows)
        for p in row.products
    )
    return fill(
        _TWIN, words=text_of(ending.twin_words("how")), weights=weights, across=across, along=along,
        row_bytes=shape.row_bytes * shape.stride[0], across_step=shape.outputs[0], products=products,
        first=ending.twin_value("s0"), second=ending.twin_value("s1"), step=shape.outputs[1],
        two_steps=2 * shape.outputs[1], advance=shape.advance, channel=ending.twin_row("c"),
        start=ending.twin_start(ending.twin_word("how")), kind=ending.kind,
    )  # fmt: skip


def _lines(shape: PairPlane, unroll: int) -> list[str]:
    """Plane r0, y r1, weights r2 …, bias and shift r8, factor r9, sums r10 and r11, words ip and lr; on the stack the
    zero point, the rows left, both pointers at the row's start, and where the row's pairs end.
    """
    across, along = shape.results
    row_bytes, across_step, ending = shape.row_bytes * shape.stride[0], shape.output_bytes[0], shape.ending
    pairs, single = _pair_loop(shape, along // 2, unroll), _outputs(shape, shape.row.first_output, 1)
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #20",
        *ending.load("r8", "r9", "r2", "ip"), "mov lr, r3", *_load_weights(shape), *_keep_zero(ending),
        *constant("ip", across), "str ip, [sp, #4]", "strd r0, r1, [sp, #8]",
        "2:", *(pairs if along > 1 else []), *(single if along % 2 else []),
        "ldrd r0, r1, [sp, #8]", *add("r0", row_bytes, "ip"), *add("r1", across_step, "ip"), "strd r0, r1, [sp, #8]",
        "ldr ip, [sp, #4]", "subs ip, ip, #1", "str ip, [sp, #4]", "bne 2b",
        "add sp, sp, #20", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _keep_zero(ending: Ending) -> list[str]:
    zero = ending.zero("ip", "r8")
    return [*zero, "str ip, [sp]"] if zero else []


def _load_weights(shape: PairPlane) -> list[str]:
    """Pairs of weights, twice as large where sums are to be."""
    lines, more = [], shape.ending.times - 1
    for register, (low, high) in zip(WEIGHTS, _pairs(shape), strict=False):
        lines.append(f"ldrsb {register}, [lr, #{low}]")
        lines += [f"lsl {register}, {register}, #{more}"] if more else []
        if high is None:
            lines.append(f"uxth {register}, {register}")
        else:
            lines += [f"ldrsb ip, [lr, #{high}]", f"pkhbt {register}, {register}, ip, lsl #{16 + more}"]
    return lines


def _pair_loop(shape: PairPlane, count: int, unroll: int) -> list[str]:
    return [
        "mov ip, r0", *add("ip", count * shape.advance, "lr"), "str ip, [sp, #16]",
        "1:", *(line for pair in range(unroll) for line in _outputs(shape, shape.row, 2, pair)),
        *add("r1", 2 * unroll * shape.output_bytes[1], "ip"), f"add r0, r0, #{unroll * shape.advance}",
        "ldr ip, [sp, #16]", "cmp r0, ip", "bne 1b",
    ]  # fmt: skip


def _outputs(shape: PairPlane, row: Row, outputs: int, pair: int = 0) -> list[str]:
    """One or two outputs, ``pair`` pairs further: sums, requantization, stores."""
    ending = shape.ending
    lines = [ending.begin(total, "r8") for total in _SUMS[:outputs]]
    for k in range(shape.rows):
        lines += _products(row, k, k * shape.tap_row_bytes + pair * shape.advance)
    lines += ["ldr ip, [sp]"] if ending.zero("ip", "r8") else []
    for total in _SUMS[:outputs]:
        lines += ending.finish(total, "r9", "r8", "ip")
    for output, total in enumerate(_SUMS[:outputs], 2 * pair):
        lines.append(f"{ending.store} {total}, [r1, #{output * shape.output_bytes[1]}]")
    return lines


def _products(row: Row, k: int, base: int) -> list[str]:
    """Row ``k`` of taps, ``base`` bytes behind the first; words are loaded in pairs."""
    lines = []
    for low in range(0, row.words, 2):
        address = f"[r0, #{base + 4 * low}]"
        lines.append(f"ldrd ip, lr, {address}" if low + 1 < row.words else f"ldr ip, {address}")
        for product in row.products:
            if low <= product.word <= low + 1:
                total, word = _SUMS[product.output], ("ip", "lr")[product.word - low]
                weight = WEIGHTS[k * len(row.pairs) + product.pair]
                lines.append(f"{ASM[product.kind]} {total}, {word}, {weight}, {total}")
    return lines
