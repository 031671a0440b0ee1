"""One channel's plane with one filter in plain C: what vector kernels of depthwise_conv2d have beside them."""

from __future__ import annotations

from edgekit.deploy.c.text import fill
from edgekit.deploy.c.turned_plane import TurnedPlane

_TAPS = """\
for (int32_t i = 0; i < @across@; i++) {
    for (int32_t j = 0; j < @along@; j++) {
        @sum@ s = @bias@;
        for (int32_t k = 0; k < @tap_rows@; k++) {
            for (int32_t t = 0; t < @tap_columns@; t++) {
                s += plane[i * @row@ + j * @stride@ + k * @tap_row@ + t * @tap@] * w[k * @w_row@ + t * @w_tap@];
            }
        }
        y[i * @across_step@ + j * @step@] = @value@;
    }
}
"""


def plain_taps(shape: TurnedPlane, bias: str, value: str, total: str = "int32_t") -> str:
    """Statements that compute all outputs of ``plane`` with the filter ``w`` to ``y``.

    Args:
        shape: of the layer.
        bias: a C expression.
        value: another, the output of the sum ``s``.
        total: C type of that sum.
    """
    length, kernel, stride, dilation = shape.plane.wide[1], shape.kernel, shape.stride, shape.dilation
    return fill(
        _TAPS, bias=bias, value=value, sum=total, across=shape.results[0], along=shape.results[1],
        row=stride[0] * length, stride=stride[1], tap_row=dilation[0] * length, tap=dilation[1],
        tap_rows=kernel[0], tap_columns=kernel[1], w_row=shape.weight_steps[0], w_tap=shape.weight_steps[1],
        across_step=shape.outputs[0], step=shape.outputs[1],
    )  # fmt: skip
