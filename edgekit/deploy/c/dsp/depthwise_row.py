"""depthwise_conv2d along one row or column, as a frame of a stream has it, on cores with DSP instructions.

All outputs of a channel are straight code: each input is loaded once and a product is one MLA. Weights and bias are
stored twice as large, as the requantization wants the sum (requantize.py). Nothing is gathered.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp.requantize import applies, finish, zero_line
from edgekit.deploy.c.kernel import Code, Function, Layer, int32_array
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, DepthwiseParams

MOST_OUTPUTS, MOST_TAPS = 24, 5
"""Of a channel: what straight code of a reasonable size and the registers hold."""

_ROW = """\
static void @self@(const int32_t *c, const int8_t *x, int8_t *y) {
    for (const int32_t *end = c + @words@; c < end; c += @a_channel@) {
@weights@        const int32_t bias = c[@taps@];
        const int32_t packed = c[@taps@ + 1];
        const int32_t multiplier = c[@taps@ + 2];
        @zero@@values@@outputs@        x++;
        y++;
    }
}
"""


def fits(layer: Layer) -> bool:
    """One row or one column with a filter along it, several outputs, no multiplier, requantization proven."""
    params = cast(DepthwiseParams, layer.params)
    axis = _axis(layer)
    if axis is None or params.multiplier != 1:
        return False
    taps, outputs = params.arithmetic.weights.shape[1 + axis], layer.output.dims[1 + axis]
    return taps <= MOST_TAPS and 1 < outputs <= MOST_OUTPUTS and applies(params.arithmetic, 3)


def emit_depthwise_row(layer: Layer) -> Code:
    """depthwise_conv2d: x int8 [1,1,W,C] or [1,H,1,C] to y int8."""
    params = cast(DepthwiseParams, layer.params)
    axis, arithmetic = _axis(layer), params.arithmetic
    assert axis is not None
    channels, entries, outputs = layer.output.dims[3], layer.inputs[0].dims[1 + axis], layer.output.dims[1 + axis]
    taps, step, before = arithmetic.weights.shape[1 + axis], params.stride[axis], params.pad[axis][0]
    reads = [[o * step - before + t * params.dilation[axis] for t in range(taps)] for o in range(outputs)]
    used = sorted({place for places in reads for place in places if 0 <= place < entries})
    text = fill(
        _ROW, self="@self@", words=channels * (taps + 3), a_channel=taps + 3, taps=taps,
        weights="".join(f"        const int32_t w{t} = c[{t}];\n" for t in range(taps)),
        zero=zero_line(arithmetic, "packed"),
        values="".join(f"        const int32_t x{place} = x[{place * channels}];\n" for place in used),
        outputs="".join(_output(o * channels, places, entries, arithmetic) for o, places in enumerate(reads)),
    )  # fmt: skip
    name = f"depthwise_row_{taps}_of_{entries}x{channels}_to_{outputs}"
    table = f"channels_{layer.index}"
    call = f"{{f0}}({table}, {{x}}, {{y}});"
    return Code(call, (Function(name, text),), (int32_array(table, channel_rows(arithmetic)),), kernel=f"dsp {name}")


def _axis(layer: Layer) -> int | None:
    """0: the filter lies along the only column; 1: along the only row; None: neither."""
    params = cast(DepthwiseParams, layer.params)
    _, height, width, _ = layer.inputs[0].dims
    _, kernel_h, kernel_w, _ = params.arithmetic.weights.shape
    if height == kernel_h == layer.output.dims[1] == 1 and not any(params.pad[0]):
        return 1
    return 0 if width == kernel_w == layer.output.dims[2] == 1 and not any(params.pad[1]) else None


def _output(place: int, reads: list[int], entries: int, arithmetic: Accumulate) -> str:
    border = paren(arithmetic.input_zero_point)
    products = [f"w{t} * {f'x{i}' if 0 <= i < entries else border}" for t, i in enumerate(reads)]
    total = f"bias + {' + '.join(products)}"
    return f"        y[{place}] = {finish(arithmetic, total, 'packed', 'multiplier')};\n"


def channel_rows(arithmetic: Accumulate) -> np.ndarray:
    """A layer's constants, int64, a row a channel: twice its weights, twice its bias, shift and factor."""
    weights = arithmetic.weights.astype(np.int64).reshape(-1, arithmetic.weights.shape[-1])
    shifts = np.where(arithmetic.multiplier == 0, 0, -arithmetic.shift.astype(np.int64) - 1)
    rows = [*(2 * weights), 2 * arithmetic.folded_bias.astype(np.int64), shifts, arithmetic.multiplier.astype(np.int64)]
    return np.stack(rows, axis=1)
