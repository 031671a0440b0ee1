"""fully_connected with MVE: four filters at a time with one row, 16 products an instruction."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.mve.requantize import channel_fields, finish, finish_one
from edgekit.deploy.c.mve.requantize import table as channels
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import Accumulate, FullyConnectedParams

CHUNK = 16
FILTERS = 4

_ROWS = """\
static void @self@(const int8_t *w, const mve_channel *c, const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        @f0@(x, w, c, y);
        x += @depth@;
        y += @outputs@;
    }
}
"""

_ROW = """\
/* One row of @depth@ values with all filters. */
static void @self@(const int8_t *x, const int8_t *w, const mve_channel *c, int8_t *y) {
#if defined(__ARM_FEATURE_MVE)
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), sizeof *c);
@groups@#else
    for (int32_t o = 0; o < @outputs@; o++) {
        int32_t s = c->bias;
        for (int32_t k = 0; k < @depth@; k++) {
            s += x[k] * w[k];
        }
        *y++ = @value@;
        w += @depth@;
        c++;
    }
#endif
}
"""

_GROUP = """\
for (int32_t o = 0; o < @times@; o++) {
@setup@@loop@@tail@@stores@    w += @advance@;
    c += @count@;
    y += @count@;
}
"""


def fits(layer: Layer) -> bool:
    """The requantization is proven (as for DSP)."""
    return applies(cast(FullyConnectedParams, layer.params).arithmetic, 0)


def emit_fully_connected(layer: Layer) -> Code:
    """fully_connected: x int8 [rows, K] to y int8 [rows, O]."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    outputs = arithmetic.weights.shape[0]
    depth, rows = arithmetic.weights.size // outputs, layer.output.elements // outputs
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, arithmetic.weights), channels(table, arithmetic))
    row = Function(f"row_of_{depth}_to_{outputs}", _row(arithmetic, depth))
    text = fill(_ROWS, self="@self@", f0="@f0@", rows=rows, depth=depth, outputs=outputs)
    whole = Function(f"rows_{rows}x{depth}_to_{outputs}", text)
    return Code(f"{{f1}}({weights}, {table}, {{x}}, {{y}});", (row, whole), data, kernel=f"mve {whole.name}")


def _row(arithmetic: Accumulate, depth: int) -> str:
    outputs = arithmetic.weights.shape[0]
    groups = _group(arithmetic, depth, FILTERS, outputs // FILTERS) if outputs >= FILTERS else ""
    groups += _group(arithmetic, depth, outputs % FILTERS, 1) if outputs % FILTERS else ""
    return fill(
        _ROW, self="@self@", depth=depth, outputs=outputs, groups=indent(groups),
        value=finish_one(arithmetic),
    )  # fmt: skip


def _group(arithmetic: Accumulate, depth: int, count: int, times: int) -> str:
    """A loop over groups of ``count`` filters."""
    full, left = depth - depth % CHUNK, depth % CHUNK
    sums = "".join(f"    int32_t s{f} = 0;\n" for f in range(count))
    stores = "".join(f"    {line}\n" for line in _stores(arithmetic, count))
    return fill(
        _GROUP, times=times, count=count, advance=count * depth, setup=sums, stores=stores,
        loop=_loop(depth, count, full) if full else "", tail=_tail(depth, count, full, left) if left else "",
    )  # fmt: skip


def _stores(arithmetic: Accumulate, count: int) -> list[str]:
    """The sums of a group, a filter a lane, to the outputs."""
    part = count < FILTERS
    fields = channel_fields(part)
    return [
        "int32x4_t v = vdupq_n_s32(0);",
        *(f"v = vsetq_lane_s32(s{f}, v, {f});" for f in range(count)),
        *([f"const mve_pred16_t live = vctp32q({count});"] if part else []),
        f"v = vaddq_s32(v, {fields['biases']});",
        f"const int32x4_t factors = {fields['factors']};",
        f"const int32x4_t powers = {fields['powers']};",
        *finish(arithmetic, "v", "factors", "powers", each=True),
        "vstrbq_p_s32(y, v, live);" if part else "vstrbq_s32(y, v);",
    ]


def _loop(depth: int, count: int, full: int) -> str:
    lines = ["const int8x16_t x0 = vldrbq_s8(x + k);"]
    lines += [f"s{f} = vmladavaq_s8(s{f}, x0, vldrbq_s8(w + {f * depth} + k));" for f in range(count)]
    body = "".join(f"        {line}\n" for line in lines)
    return f"    for (int32_t k = 0; k < {full}; k += {CHUNK}) {{\n{body}    }}\n"


def _tail(depth: int, count: int, full: int, left: int) -> str:
    lines = [f"const mve_pred16_t rest = vctp8q({left});", f"const int8x16_t x0 = vldrbq_z_s8(x + {full}, rest);"]
    lines += [f"s{f} = vmladavaq_s8(s{f}, x0, vldrbq_z_s8(w + {f * depth + full}, rest));" for f in range(count)]
    body = "".join(f"        {line}\n" for line in lines)
    return f"    {{\n{body}    }}\n"
