"""svdf in C: every filter takes its product with the frame into its memory and its memory's product out."""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.accumulate import INT32_MAX, paren
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, int16_array, int32_array
from edgekit.deploy.c.text import fill
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import SvdfParams

_SVDF = """\
static void @self@(const int8_t *feature, const int32_t *feature_bias, const @type@ *time, const int32_t *bias,
                   const int8_t *x, @type@ *memory, int8_t *y) {
    for (int32_t unit = 0; unit < @units@; unit++) {
        /* Sums of the memory wrap as the reference's int32 does. */
        uint32_t total = (uint32_t)bias[unit];
        for (int32_t r = 0; r < @rank@; r++) {
            int32_t sum = *feature_bias++;
            for (int32_t k = 0; k < @width@; k++) {
                sum += feature[k] * x[k];
            }
            for (int32_t k = 0; k < @last@; k++) {
                memory[k] = memory[k + 1];
                total += (uint32_t)(memory[k] * time[k]);
            }
            memory[@last@] = @store@(rescale(sum, @in_multiplier@, @in_shift@), @least@, @largest@);
            total += (uint32_t)(memory[@last@] * time[@last@]);
            feature += @width@;
            memory += @length@;
            time += @length@;
        }
        y[unit] = clamp(rescale((int32_t)total, @multiplier@, @shift@) + @zero@, @low@, @high@);
    }
}
"""


def emit_svdf(layer: Layer) -> Code:
    """svdf: x int8 [I] and a memory of int8 or int16 [F, M], which goes on one frame, to y int8 [F / rank].

    Raises:
        UnsupportedOpError: a product with a frame could leave int32.
    """
    params = cast(SvdfParams, layer.params)
    reach = np.abs(params.feature.astype(np.int64)).sum(axis=1) * 128 + np.abs(params.feature_bias.astype(np.int64))
    if reach.max(initial=0) > INT32_MAX:
        raise UnsupportedOpError("the int32 accumulator can overflow", where=layer.node.name, mend="use fewer inputs")
    filters, length = params.time.shape
    kind = element(layer.variables[0])
    text = fill(
        _SVDF, self="@self@", type=kind.name, units=filters // params.rank, rank=params.rank,
        width=params.feature.shape[1], last=length - 1, length=length, store=kind.clamp,
        in_multiplier=params.to_state.multiplier, in_shift=paren(params.to_state.shift),
        least=paren(params.state_clamp.low), largest=params.state_clamp.high,
        multiplier=params.to_output.multiplier, shift=paren(params.to_output.shift),
        zero=paren(params.output_zero_point), low=paren(params.clamp.low), high=params.clamp.high,
    )  # fmt: skip
    function = Function(f"svdf_{filters}x{length}", text)
    names = [f"svdf_{layer.index}_{part}" for part in ("feature", "feature_bias", "time", "bias")]
    time = int16_array if kind.name == "int16_t" else int8_array
    data = (
        int8_array(names[0], params.feature),
        int32_array(names[1], params.feature_bias),
        time(names[2], params.time),
        int32_array(names[3], params.bias),
    )
    call = f"{{f0}}({', '.join(names)}, {{x}}, {argument(kind, '{m0}')}, {{y}});"
    return Code(call, (function,), data, kernel=function.name)
