"""Text of a frame's way from the ring to powers: window, transform, sums of squares."""

from __future__ import annotations

from typing import Literal

from edgekit.deploy.frontend.emit import fill, float_literal
from edgekit.deploy.frontend.tables import ONE_Q31, Tables
from edgekit.features.spec import FrontendSpec

Precision = Literal["exact", "fast", "fixed"]
"""Of the transform: 64-bit integers, 32-bit integers, and 32-bit integers without floating point behind them."""


def load_text(spec: FrontendSpec, precision: Precision) -> str:
    """From the ring to the windowed frame; pre-emphasis and DC removal need more than a product of integers."""
    locate = {"none": "", "reflect": "    i = fe_mirror(i);\n", "zero": _OUTSIDE}[spec.padding]
    parts = [fill("sample.c", {}), fill("mirror.c", {}) if spec.padding == "reflect" else "", fill("put.c", {})]
    folder = "exact" if precision == "exact" else "fast"
    if precision != "exact":
        parts += [fill("fast/gain.c", {}), fill("fast/weighted.c", {})]
    if not spec.preemphasis and not spec.remove_dc:
        return "".join([*parts, fill("reader.c", {"locate": locate}), fill(f"{folder}/load_plain.c", {})])
    sample = fill("sample_emphasised.c" if spec.emphasises_signal else "sample_scaled.c", {"locate": locate})
    in_frame = spec.preemphasis and spec.preemphasis_scope == "frame"
    shape = fill("shape_emphasis.c" if in_frame else "shape_none.c", {})
    if spec.preemphasis:
        remainder = min(round((1.0 - spec.preemphasis) * ONE_Q31), ONE_Q31 - 1)
        coefficient = float_literal(spec.preemphasis)
        parts.append(f"#define FE_REMAINDER INT32_C({remainder}) /* 1 - {coefficient}, 2^31 is one */\n\n")
    mean = _MEAN if spec.remove_dc else {"mean": "", "mean_lines": "", "minus_mean": "", "rest_line": ""}
    if spec.remove_dc:
        mean = {**mean, "mean": fill("mean.c", {})}
    if precision == "exact":
        return "".join([*parts, fill("exact/load_shaped.c", {**mean, "sample": sample + shape})])
    both = spec.preemphasis and spec.remove_dc
    values = {**mean, "sample": sample + shape, "lower": " / 2" if both else "", "full": f"2^{_fast_scale(spec)}"}
    if spec.remove_dc:
        values["rest_line"] = f"                weighted -= fe_wide(rest, weight) >> {14 if both else 13};\n"
    return "".join([*parts, fill("fast/load_shaped.c", values)])


# The mean's fraction below the samples' unit is taken off after the window, where there are bits for it.
_MEAN: dict[str, object] = {
    "mean_lines": (
        "    int32_t rest;\n"
        "    const int32_t mean = fe_mean(state, start, gain, &rest);\n"
        "    rest = fe_shape(rest, rest);\n"
    ),
    "minus_mean": " - mean",
    "rest_line": "                pair[k] -= ((int64_t)rest * weight) >> 27;\n",
}
_OUTSIDE = "    if (i < 0 || i >= FE_SIGNAL) {\n        return 0;\n    }\n"


def transform_text(spec: FrontendSpec, precision: Precision) -> str:
    """Passes of radix four; one layer of radix two where the layers after the first two are odd in number."""
    if precision == "exact":
        turn = fill("exact/turn.c", {})
        return fill("exact/dot.c", {}) + fill("exact/fft.c", {"turn_two_points": turn})
    odd = _layers(spec) % 2 == 1
    values = {
        "layer": fill("fast/layer.c", {}) if odd else "",
        "layer_call": "    fe_layer(cells);\n" if odd else "",
        "begin": "8" if odd else "4",
    }
    return fill("fast/fft.c", values)


def _fast_scale(spec: FrontendSpec) -> int:
    """Power of two that is full scale in a fast frame: room is left for what pre-emphasis and DC removal may add."""
    filters = int(bool(spec.preemphasis)) + int(spec.remove_dc)
    return 28 if filters == 0 else (27 if filters == 1 else 26)


def _layers(spec: FrontendSpec) -> int:
    """Layers of the complex transform after the first two, each of which halves the values."""
    return (spec.n_fft // 2).bit_length() - 1 - 2


def power_text(spec: FrontendSpec, tables: Tables, precision: Precision) -> str:
    """Only the bins that the triangles use; a pair k, P-k shares its sums where the upper half is used too."""
    points = spec.n_fft // 2
    first, last = int(tables.corners[0]), max(int(tables.corners[-1]) - 1, int(tables.corners[0]))
    both = last > points // 2
    turned = "turned_" if precision == "exact" else "turned."
    values = {
        "from": max(1, min(first, points - last)) if both else first,
        "to": last,
        "to_pair": points // 2 if both else last,
        "point_line": _power_line(spec, precision, "point", f"even_re + {turned}im, even_im - {turned}re"),
        "mirror_line": (
            _power_line(spec, precision, "mirror", f"even_re - {turned}im, even_im + {turned}re") if both else ""
        ),
    }
    if precision == "fixed":
        return fill("fixed/put_energy.c", {}) + fill("fast/power.c", {**values, **_ENERGY})
    root = fill("sqrt.c", {}) if spec.power == 1 else ""
    if precision == "exact":
        parts = [root, fill("exact/to_float.c", {}), fill(f"exact/power_{spec.power}.c", {})]
        return "".join([*parts, fill("exact/power.c", values)])
    return root + fill(f"fast/power_{spec.power}.c", {}) + fill("fast/power.c", {**values, **_POWER})


_POWER = {
    "what": "Power (or magnitude)",
    "still": " Still in integers: here loud bins cancel in the mirror of their frequency.",
    "parameters": "fe_cell *cells, float unit",
}
_ENERGY = {"what": "Energy", "still": "", "parameters": "fe_cell *cells"}


def _power_line(spec: FrontendSpec, precision: Precision, cell: str, parts: str) -> str:
    """The statement that puts the power of a bin, real and imaginary ``parts``, into a cell."""
    if precision == "fixed":
        return f"        fe_put_energy({cell}, {parts});\n"
    return f"        {cell}->power = {'fe_magnitude' if spec.power == 1 else 'fe_square'}({parts}, unit);\n"


def unit_exponent(spec: FrontendSpec, precision: Precision) -> int:
    """Power of two that is one unit of the split transform: full scale is halved by each layer but the first two, which
    are not scaled, and once more by the split of 32-bit integers.
    """
    return _layers(spec) - 45 if precision == "exact" else _layers(spec) + 1 - _fast_scale(spec)
