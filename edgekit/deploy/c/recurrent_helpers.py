"""What several int16 functions share in C: the table of the logistic function, and the gates of an lstm."""

from __future__ import annotations

from edgekit.deploy.c.text import array_lines
from edgekit.graph.integer.interpolated import SIGMOID_TABLE

_TABLE = f"""\
/* logistic(i / 24) * 65536, TensorFlow Lite's own table. */
static const int32_t sigmoid_table[256] = {{
{array_lines(map(str, SIGMOID_TABLE.tolist()))}
}};
"""

_GATE = """\
/* One gate of an LSTM: matrices, biases with the zero points folded in, factors to steps of 2^-12. */
typedef struct {
    const int8_t *weights;
    const int8_t *recurrent;
    const int32_t *bias;
    const int32_t *recurrent_bias;
    int32_t multiplier;
    int32_t shift;
    int32_t recurrent_multiplier;
    int32_t recurrent_shift;
} lstm_gate;
"""

RECURRENT_HELPERS: tuple[tuple[str, str], ...] = (("sigmoid_table", _TABLE), ("lstm_gate", _GATE))
"""(name, definition), as in fixed_point.py."""
