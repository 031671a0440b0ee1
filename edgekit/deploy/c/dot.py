"""Inner products of rows of activations with all filters of a layer: the core of conv2d and fully_connected.

``rows2`` takes two rows and two filters at a time: four accumulators for four loads a step, 2 loads or multiplies a
MAC. ``rows1`` takes one row and four filters, for single rows and odd ends. The depth is a constant, so the compiler
unrolls; the explicit step of four keeps pointer updates out of the count where it does not.
"""

from __future__ import annotations

from edgekit.deploy.c.accumulate import finish
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import Accumulate

STEP = 4

_ROWS = """\
static void @self@(const int8_t *w, const channel *c, @parameters@) {
@blocks@}
"""

_BLOCK = """\
for (int32_t o = 0; o < @count@; o += @filters@) {
@setup@    for (int32_t k = 0; k < @depth@; k += @step@) {
@body@    }
@tail@@stores@    w += @advance@;
    c += @filters@;
}
"""


def rows2(arithmetic: Accumulate) -> Function:
    """``(w, c, x0, x1, y0, y1)``: rows x0, x1 int8 [K] with all filters w [O,K] to y0, y1 int8 [O]."""
    outputs, depth = _shape(arithmetic)
    blocks = _blocks(arithmetic, rows=2, filters=2)
    text = fill(
        _ROWS,
        self="@self@",
        parameters="const int8_t *x0, const int8_t *x1, int8_t *y0, int8_t *y1",
        blocks=indent(blocks),
    )
    return Function(f"rows2_{depth}_to_{outputs}", text)


def rows1(arithmetic: Accumulate) -> Function:
    """``(w, c, x0, y0)``: row x0 int8 [K] with all filters w [O,K] to y0 int8 [O]."""
    outputs, depth = _shape(arithmetic)
    blocks = _blocks(arithmetic, rows=1, filters=4)
    text = fill(_ROWS, self="@self@", parameters="const int8_t *x0, int8_t *y0", blocks=indent(blocks))
    return Function(f"rows1_{depth}_to_{outputs}", text)


def _shape(arithmetic: Accumulate) -> tuple[int, int]:
    outputs = arithmetic.weights.shape[0]
    return outputs, arithmetic.weights.size // outputs


def _blocks(arithmetic: Accumulate, rows: int, filters: int) -> str:
    """The loop over full groups of filters, then one over those left."""
    outputs, _ = _shape(arithmetic)
    full = outputs - outputs % filters
    text = _block(arithmetic, rows, filters, full) if full else ""
    return text + (_block(arithmetic, rows, 1, outputs - full) if outputs != full else "")


def _block(arithmetic: Accumulate, rows: int, filters: int, count: int) -> str:
    _, depth = _shape(arithmetic)
    full = depth - depth % STEP
    pairs = [(row, f) for row in range(rows) for f in range(filters)]
    setup = "".join(f"    int32_t s{row}{f} = c[{f}].bias;\n" for row, f in pairs)
    body = "".join(_step(rows, filters, depth, f"k + {i}" if i else "k") for i in range(STEP))
    tail = "".join(indent(_step(rows, filters, depth, str(k))) for k in range(full, depth))
    stores = "".join(f"    y{row}[{f}] = {finish(arithmetic, f's{row}{f}', f'(c + {f})')};\n" for row, f in pairs)
    stores += "".join(f"    y{row} += {filters};\n" for row in range(rows))
    return fill(
        _BLOCK, count=count, filters=filters, setup=setup, depth=full, step=STEP, body=indent(body, 2), tail=tail,
        stores=stores, advance=filters * depth,
    )  # fmt: skip


def _step(rows: int, filters: int, depth: int, k: str) -> str:
    """All products at depth index ``k``: each activation and each weight is loaded once."""
    offsets = [f"{f * depth} + {k}" if f else k for f in range(filters)]
    loads = [f"const int32_t x{row}k = x{row}[{k}];" for row in range(rows)]
    loads += [f"const int32_t w{f}k = w[{offset}];" for f, offset in enumerate(offsets)]
    sums = [f"s{row}{f} += x{row}k * w{f}k;" for row in range(rows) for f in range(filters)]
    lines = "".join(f"    {line}\n" for line in (*loads, *sums))
    return f"{{\n{lines}}}\n"
