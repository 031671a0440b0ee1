"""lstm in C: one loop over the steps, gates and cell in int16, bit-exact with graph/integer/lstm.py."""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.accumulate import INT32_MAX, paren
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, int32_array
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.deploy.c.wide_functions import sigmoid_function
from edgekit.graph.integer.params import Gate, LstmParams, Rescale

_GATE = """\
/* W * x + b and R * h, each rescaled to steps of 2^-12, and their sum. */
static void @self@(const lstm_gate *gate, const int8_t *x, const int8_t *hidden, int16_t *y) {
    const int8_t *w = gate->weights;
    const int8_t *r = gate->recurrent;
    for (int32_t unit = 0; unit < @units@; unit++) {
        int32_t fed = gate->bias[unit];
        int32_t kept = gate->recurrent_bias[unit];
        for (int32_t k = 0; k < @width@; k++) {
            fed += w[k] * x[k];
        }
        for (int32_t k = 0; k < @units@; k++) {
            kept += r[k] * hidden[k];
        }
        const int32_t a = clamp16(rescale(fed, gate->multiplier, gate->shift), (-32768), 32767);
        const int32_t b = clamp16(rescale(kept, gate->recurrent_multiplier, gate->recurrent_shift), (-32768), 32767);
        y[unit] = clamp16(a + b, (-32768), 32767);
        w += @width@;
        r += @units@;
    }
}
"""

_LSTM = """\
static void @self@(const lstm_gate *gates, const int8_t *x, int8_t *hidden, int16_t *cell, int16_t *work, int8_t *y) {
    int16_t *taken = work;
    int16_t *kept = work + @units@;
    int16_t *fresh = work + @two_units@;
@begin@    for (int32_t step = 0; step < @steps@; step++) {
        @f0@(gates, x, hidden, taken);
        @f0@(gates + 1, x, hidden, kept);
        @f0@(gates + 2, x, hidden, fresh);
        @f1@(taken, taken);
        @f1@(kept, kept);
        @f2@(fresh, fresh);
        for (int32_t unit = 0; unit < @units@; unit++) {
            const int32_t old = clamp16(rescale(kept[unit] * cell[unit], @forget@), (-32768), 32767);
            const int32_t more = clamp16(rescale(taken[unit] * fresh[unit], @update@), (-32768), 32767);
            cell[unit] = clamp16(old + more, @least@, @largest@);
        }
        @f0@(gates + 3, x, hidden, taken);
        @f1@(taken, taken);
        @f3@(cell, fresh);
        for (int32_t unit = 0; unit < @units@; unit++) {
            hidden[unit] = clamp(rescale(fresh[unit] * taken[unit], @shown@) + @zero@, (-128), 127);
            y[unit] = hidden[unit];
        }
        x += @width@;
        y += @units@;
    }
}
"""

_BEGIN = """\
    memset(hidden, @zero@, @units@);
    memset(cell, 0, @cell_bytes@);
"""


def emit_lstm(layer: Layer) -> Code:
    """lstm: x int8 [T, I] to y int8 [T, H]; hidden state int8 [H] and cell int16 [H] in memory of their own.

    Raises:
        UnsupportedOpError: a sum of products could leave int32.
    """
    params = cast(LstmParams, layer.params)
    units, width = params.input_gate.weights.shape
    steps = layer.inputs[0].dims[1]
    begin = fill(_BEGIN, zero=paren(params.output_zero_point), units=units, cell_bytes=2 * units)
    clip = params.cell_clip
    text = fill(
        _LSTM, self="@self@", **{f"f{i}": f"@f{i}@" for i in range(4)}, units=units, two_units=2 * units,
        begin="" if params.carried else begin, steps=steps, width=width, forget=_factor(params.forget),
        update=_factor(params.update), shown=_factor(params.hidden), zero=paren(params.output_zero_point),
        least=paren(-clip if clip else -32768), largest=clip or 32767,
    )  # fmt: skip
    functions = (
        Function(f"lstm_gate_{width}_to_{units}", fill(_GATE, self="@self@", units=units, width=width)),
        sigmoid_function(params.sigmoid, units),
        sigmoid_function(params.tanh, units),
        sigmoid_function(params.cell_tanh, units),
        Function(f"lstm_{steps}x{width}_to_{units}", text),
    )
    cell = element(layer.variables[1])
    work = argument(cell, "{scratch}", written=True)
    call = f"{{f4}}(lstm_{layer.index}_gates, {{x}}, {{m0}}, {argument(cell, '{m1}')}, {work}, {{y}});"
    return Code(call, functions, _data(layer, params), scratch_bytes=6 * units, kernel=functions[4].name)


def _factor(rescale: Rescale) -> str:
    return f"{rescale.multiplier}, {paren(rescale.shift)}"


def _data(layer: Layer, params: LstmParams) -> tuple[str, ...]:
    """Weights and biases of the four gates, and the table of their addresses and factors."""
    texts, rows = [], []
    gates = (params.input_gate, params.forget_gate, params.cell_gate, params.output_gate)
    for gate, letter in zip(gates, "ifco", strict=True):
        _check(layer, gate)
        names = [f"lstm_{layer.index}_{part}_{letter}" for part in ("w", "r", "b", "rb")]
        texts += [int8_array(names[0], gate.weights), int8_array(names[1], gate.recurrent)]
        texts += [int32_array(names[2], gate.bias), int32_array(names[3], gate.recurrent_bias)]
        rows.append(f"{{{', '.join(names)}, {_factor(gate.to_gate)}, {_factor(gate.recurrent_to_gate)}}}")
    lines = indent(",\n".join(rows) + "\n")
    return (*texts, f"static const lstm_gate lstm_{layer.index}_gates[4] = {{\n{lines}}};\n")


def _check(layer: Layer, gate: Gate) -> None:
    for weights, bias in ((gate.weights, gate.bias), (gate.recurrent, gate.recurrent_bias)):
        reach = np.abs(weights.astype(np.int64)).sum(axis=1) * 128 + np.abs(bias.astype(np.int64))
        if reach.max(initial=0) > INT32_MAX:
            raise UnsupportedOpError(
                "the int32 accumulator can overflow", where=layer.node.name, mend="check the bias scale"
            )
