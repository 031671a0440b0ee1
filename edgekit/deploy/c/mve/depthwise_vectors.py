"""One channel's int16 plane with one filter, in Helium intrinsics: what does not fit depthwise_rows.py.

Four outputs of up to five rows at a time. A widening load of four inputs serves every tap that reads them, and a tap is
one multiply-accumulate for four outputs. The last vector of a row begins early and writes again what the one before it
wrote; a row of fewer than four outputs is predicated.
"""

from __future__ import annotations

from edgekit.deploy.c.mve.requantize import finish
from edgekit.deploy.c.text import fill, indent, text_of
from edgekit.deploy.c.turned_plane import TurnedPlane

LANES = 4
ROWS = 5
"""Output rows at a time: their sums stay in vector registers."""

_TAPS = """\
/* One channel's plane with one filter. */
static void @self@(const int16_t *plane, const int8_t *w, const mve_channel *c, @kind@ *y) {
#if defined(__ARM_FEATURE_MVE)
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), @step@);
    const int32_t bias = c->bias;
    const int32_t factor = c->multiplier;
@constants@@groups@#else
@twin@#endif
}
"""

_GROUP = """\
for (int32_t i = 0; i < @times@; i++) {
    for (int32_t n = 0; n < @along@; n += @lanes@) {
        const int32_t j = n < @last@ ? n : @last@;
        const int16_t *from = plane + j@stride@;
        @kind@ *to = y + j * @step@;
@vectors@    }
    plane += @rows@ * @row@;
    y += @rows@ * @across_step@;
}
"""


def vector_taps(shape: TurnedPlane, twin: str) -> str:
    """``(plane, w, c, y)``, with the C statements ``twin`` where there is no Helium."""
    (across, along), stride = shape.results, shape.stride[1]
    weights = [f"const int32_t w{place} = w[{place}];" for place in range(shape.kernel[0] * shape.kernel[1])]
    power = ["const int32_t power = c->power;"] if shape.element == 1 else []
    steps = [] if stride == 1 else [f"const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), {stride});"]
    live = [] if along >= LANES else [f"const mve_pred16_t live = vctp32q({along});"]
    rows = max(rows for rows in range(1, ROWS + 1) if across % rows == 0 or rows < across)
    groups = _group(shape, rows, across // rows)
    groups += _group(shape, across % rows, 1) if across % rows else ""
    return fill(
        _TAPS, self="@self@", step=shape.outputs[1], constants=text_of([*power, *weights, *steps, *live], 1),
        groups=indent(groups), twin=indent(twin), kind=shape.kind,
    )  # fmt: skip


def _group(shape: TurnedPlane, rows: int, times: int) -> str:
    """``times`` groups of ``rows`` output rows."""
    along, stride = shape.results[1], shape.stride
    return fill(
        _GROUP, times=times, rows=rows, along=along, lanes=LANES, last=max(0, along - LANES), step=shape.outputs[1],
        stride="" if stride[1] == 1 else f" * {stride[1]}", row=stride[0] * shape.plane.wide[1],
        across_step=shape.outputs[0], vectors=text_of(_vectors(shape, rows), 2), kind=shape.kind,
    )  # fmt: skip


def _vectors(shape: TurnedPlane, rows: int) -> list[str]:
    """Four outputs of each of ``rows`` rows; with fewer outputs in a row, those that ``live`` predicates."""
    live = "live" if shape.results[1] < LANES else ""
    lines = [f"int32x4_t v{row} = vdupq_n_s32(bias);" for row in range(rows)]
    for number, (place, products) in enumerate(shape.products(rows).items()):
        load = _load(f"from + {place}" if place else "from", shape.stride[1], live)
        lines.append(f"const int32x4_t x{number} = {load};")
        lines += [f"v{row} = vmlaq_n_s32(v{row}, x{number}, w{weight});" for row, weight in products]
    for row in range(rows):
        lines += finish(shape.params.arithmetic, f"v{row}", "factor", "power")
        to = f"to + {row * shape.outputs[0]}" if row else "to"
        predicate = ("_p", ", live") if live else ("", "")
        store = "vstrbq_scatter_offset" if shape.element == 1 else "vstrhq_scatter_shifted_offset"
        lines.append(f"{store}{predicate[0]}_s32({to}, places, v{row}{predicate[1]});")
    return lines


def _load(address: str, stride: int, live: str) -> str:
    zeroing = "_z" if live else ""
    more = f", {live}" if live else ""
    if stride == 1:
        return f"vldrhq{zeroing}_s32({address}{more})"
    return f"vldrhq_gather_shifted_offset{zeroing}_s32({address}, steps{more})"
