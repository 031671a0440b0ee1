"""The C11 front-end of a spec: one header, one source, no heap, no library but memory.

A hop costs an integer transform and float32 afterwards. The integers are why the C agrees with the float64 reference:
the rounding of a float32 transform, about -140 dB of the loudest bin, is heard in quiet mel bins. In 64 bits ("exact")
features agree within 1e-3; in 32 bits ("fast"), each frame made as loud as fits, within about 1e-2, which a thousandth
of the int8 inputs notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgekit.core.errors import BadConfigError, UnsupportedOpError
from edgekit.deploy.c.identifiers import require_identifier
from edgekit.deploy.frontend import fixed
from edgekit.deploy.frontend.emit import fill, float_literal, table
from edgekit.deploy.frontend.tables import ONE_Q31, Tables, make_tables
from edgekit.features.reference import log_factor
from edgekit.features.schedule import first_start, ring_capacity, state_bytes
from edgekit.features.spec import FrontendSpec

FeatureType = Literal["int8", "float32"]
Precision = Literal["exact", "fast", "fixed"]
_PRECISION_TEXT: dict[Precision, str] = {
    "exact": "The window and the transform run in 64-bit integers, so that a quiet bin beside a loud one is not lost.",
    "fast": "The window and the transform run in 32-bit integers; each frame is made as loud as fits before.",
    "fixed": "All runs in integers of 32 and 64 bits; each frame is made as loud as fits before the transform.",
}
_CTYPES: dict[FeatureType, str] = {"int8": "int8_t", "float32": "float"}
_LAYOUTS = {"time_freq": "one row a frame", "freq_time": "one row a bin, one column a frame"}


@dataclass(frozen=True)
class FrontendSources:
    """Generated text.

    Attributes:
        name: prefix of all public identifiers.
        header, source: text of ``<name>_frontend.h`` and ``<name>_frontend.c``.
        state_bytes: size of ``<name>_frontend_state``.
        table_bytes: flash of the constant tables.
    """

    name: str
    header: str
    source: str
    state_bytes: int
    table_bytes: int

    @property
    def files(self) -> dict[str, str]:
        """File name to text."""
        return {f"{self.name}_frontend.h": self.header, f"{self.name}_frontend.c": self.source}


def generate_frontend(
    spec: FrontendSpec,
    name: str,
    input_scale: float = 1.0,
    input_zero_point: int = 0,
    dtype: FeatureType = "int8",
    precision: Precision = "exact",
    stream: bool = False,
) -> FrontendSources:
    """C of the front-end: ``<name>_frontend_init`` and ``<name>_frontend_push``.

    Args:
        spec: what to compute.
        name: C identifier, prefix of the public names.
        input_scale: of the model's int8 input; not used for "float32".
        input_zero_point: of the model's int8 input.
        precision: of the transform, "exact" (64-bit integers) or "fast" (32-bit); "fixed" is "fast" without floating
            point behind it, for int8 features of energies (fixed.fits).
        dtype: "int8" writes the model's input; "float32" the features themselves, for verification.
        stream: a frame a hop for as long as PCM comes, instead of clips: no frame is padded or mirrored, and each is
            handed over on its own, its bins in order.

    Raises:
        BadConfigError: the name is no identifier, or the quantization is impossible.
        UnsupportedOpError: the front-end is a scalogram.
    """
    require_identifier(name)
    if spec.kind == "scalogram":
        mend = 'use kind "logmel", which costs a fiftieth: a wavelet transform needs the whole clip at once'
        raise UnsupportedOpError("there is no C for scalograms", where="front-end", mend=mend)
    scale = np.float32(input_scale)
    if not (np.isfinite(scale) and scale > 0.0) or not -128 <= input_zero_point <= 127:
        raise BadConfigError(
            f"input scale {input_scale!r}, zero point {input_zero_point!r} are not an int8 quantization",
            mend="use a positive scale and a zero point from -128 to 127",
        )
    if precision == "fixed" and (dtype != "int8" or not fixed.fits(spec)):
        raise BadConfigError("these features cannot be computed without floating point", mend='take "fast" or "exact"')
    original = spec
    if stream:
        spec = one_frame(spec)
    tables = make_tables(spec)
    values = {
        **_values(spec, name, dtype),
        **(_stream_values(original, spec) if stream else {}),
        "cell_type": "int64_t" if precision == "exact" else "int32_t",
        "precision_text": _PRECISION_TEXT[precision],
    }
    store = _store_values(float(scale), input_zero_point)
    header = fill(
        "stream/header.h" if stream else "header.h",
        {**values, "quantization": _quantization(name, dtype, float(scale), input_zero_point)},
    )
    unit = _unit_exponent(spec, precision)
    if precision == "fixed":
        constants = _tables_text(spec, tables, fixed.fixed_tables(spec, tables, float(scale)))
        finish = fixed.finish_text(spec, tables, float(scale), input_zero_point, unit)
        calls = {"power_call": "fe_power(state->cells);", "finish_call": "fe_finish_frame(state, features, gain);"}
    else:
        constants = _tables_text(spec, tables, _float_tables(tables))
        finish = fill(f"store_{dtype}.c", store) + _finish_text(spec, dtype)
        calls = {
            "power_call": f"fe_power(state->cells, gain * {float_literal(2.0**unit)});",
            "finish_call": "fe_finish_frame(state, features);",
        }
    source = "".join(
        [
            fill("preamble.c", values),
            constants,
            fill("fixed/float_bits.c" if precision == "fixed" else "float_math.c", {}),
            _transform_text(spec, precision),
            _load_text(spec, precision),
            _power_text(spec, tables, precision),
            finish,
            fill("stream/push.c" if stream else "push.c", {**values, **_push_values(spec), **calls}),
        ]
    )
    cell = 16 if precision == "exact" else 8
    return FrontendSources(name, header, source, state_bytes(spec, cell, counters=3 if stream else 2), tables.bytes)


def one_frame(spec: FrontendSpec) -> FrontendSpec:
    """The spec of a single frame inside a signal: what a stream computes again and again."""
    samples = spec.span + (1 if spec.emphasises_signal else 0)
    return spec.replace(padding="none", clip_samples=samples)


def _stream_values(original: FrontendSpec, frame: FrontendSpec) -> dict[str, object]:
    """Frames of a stream lie anywhere in it; the digest is that of the front-end that the model was trained with."""
    bins = "MFCCs" if original.kind == "mfcc" else "log-mel bins"
    every = f"every {original.hop_length} samples at {original.sample_rate} Hz"
    return {
        "digest": original.digest,
        "summary": f"A frame of {original.bins} {bins} {every}.",
        "signal_samples": 1 << 29,
        "clip_samples": original.window_length + (frame.clip_samples - frame.signal_samples),
    }


def _values(spec: FrontendSpec, name: str, dtype: FeatureType) -> dict[str, object]:
    height, width = spec.feature_shape
    rate, unit = spec.sample_rate, "MFCCs" if spec.kind == "mfcc" else "log-mel bins"
    return {
        **spec.to_json(),
        "name": name,
        "NAME": name.upper(),
        "digest": spec.digest,
        "summary": f"{spec.frames} frames of {spec.bins} {unit} from {spec.clip_samples} samples at {rate} Hz.",
        "height": height,
        "width": width,
        "size": height * width,
        "layout_text": _LAYOUTS[spec.layout],
        "ctype": _CTYPES[dtype],
        "points": spec.n_fft // 2,
        "quarter": spec.n_fft // 4,
        "capacity": ring_capacity(spec),
        "first": first_start(spec),
        "signal_samples": spec.signal_samples,
        "frames": spec.frames,
        "bins": spec.bins,
    }


def _quantization(name: str, dtype: FeatureType, scale: float, zero_point: int) -> str:
    if dtype != "int8":
        return ""
    upper = name.upper()
    return (
        f"#define {upper}_FRONTEND_INPUT_SCALE {float_literal(scale)}\n"
        f"#define {upper}_FRONTEND_INPUT_ZERO_POINT ({zero_point})\n"
    )


def _store_values(scale: float, zero_point: int) -> dict[str, object]:
    """Steps at and above which the int8 is 127, and below which it is -128, before the zero point is added."""
    return {
        "inverse_scale": float_literal(1.0 / scale),
        "highest": float_literal(127 - zero_point),
        "lowest": float_literal(-128 - zero_point),
        "zero_point": f"({zero_point})" if zero_point < 0 else zero_point,
    }


def _tables_text(spec: FrontendSpec, tables: Tables, behind: str) -> str:
    parts = [table("int32_t", "fe_cosine", tables.cosine)]
    if tables.window.size:
        parts.append(table("int32_t", "fe_window", tables.window))
    parts.append(table("uint16_t", "fe_corner", tables.corners))
    return "".join([*parts, behind, _window_text(tables)])


def _float_tables(tables: Tables) -> str:
    """Triangles and DCT for float32."""
    parts = [table("uint32_t", "fe_rise", tables.rise)]
    if tables.mel_scale is not None:
        parts.append(table("float", "fe_mel_scale", tables.mel_scale / np.float32(ONE_Q31)))
    if tables.cepstrum is not None:
        parts.append(table("float", "fe_cepstrum", tables.cepstrum.ravel()))
    return "".join(parts)


def _window_text(tables: Tables) -> str:
    middle, end = tables.window_end // 2, tables.window_end
    lookup = f"    return fe_window[n <= {middle} ? n : {end} - n];\n"
    body = lookup if tables.window.size else "    (void)n;\n    return INT32_MAX;\n"
    head = "/* Weight of sample n of the window; 2^31 is one. */\nstatic inline int32_t fe_window_at(int32_t n) {\n"
    return f"{head}{body}}}\n\n"


def _load_text(spec: FrontendSpec, precision: Precision) -> str:
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


def _transform_text(spec: FrontendSpec, precision: Precision) -> str:
    """Passes of radix four; one layer of radix two where the layers after the first two are odd in number."""
    if precision == "exact":
        return fill("exact/dot.c", {}) + fill("exact/fft.c", {})
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


def _power_text(spec: FrontendSpec, tables: Tables, precision: Precision) -> str:
    """Only the bins that the triangles use; a pair k, P-k shares its sums where the upper half is used too."""
    points = spec.n_fft // 2
    first, last = int(tables.corners[0]), max(int(tables.corners[-1]) - 1, int(tables.corners[0]))
    magnitude = "fe_magnitude" if spec.power == 1 else "fe_square"
    both = last > points // 2
    mirrored = (
        "even_re - turned_im, even_im + turned_re"
        if precision == "exact"
        else "even_re - turned.im, even_im + turned.re"
    )
    mirror = f"        mirror->power = {magnitude}({mirrored}, unit);\n"
    if precision == "fixed":
        mirror = f"        fe_put_energy(mirror, {mirrored});\n"
    values = {
        "from": max(1, min(first, points - last)) if both else first,
        "to": last,
        "to_pair": points // 2 if both else last,
        "magnitude": magnitude,
        "mirror_line": mirror if both else "",
    }
    return "".join(
        [
            fill("sqrt.c", {}) if spec.power == 1 else "",
            fill(f"{precision}/power_{spec.power}.c", {}) if precision != "fixed" else "",
            fill(f"{precision}/power.c", values),
        ]
    )


def _finish_text(spec: FrontendSpec, dtype: FeatureType) -> str:
    """Mel, logarithm, DCT, normalisation and layout."""
    floor = float_literal(spec.log_floor)
    floored = f"mel + {floor}" if spec.log_floor_mode == "add" else f"mel > {floor} ? mel : {floor}"
    factor = log_factor(spec)
    if spec.n_mfcc is None:
        value = _linear(f"fe_ln({floored})", factor / spec.std, -spec.mean / spec.std)
        begin, end, each = "", "", f"{_place(spec, 'm')} = fe_store({value});"
    else:
        begin = "    float sums[FE_BINS];\n    memset(sums, 0, sizeof sums);\n"
        each = (
            f"const float level = {_linear(f'fe_ln({floored})', factor, 0.0)};\n"
            "            for (uint32_t i = 0; i < FE_BINS; i++) {\n"
            "                sums[i] += level * fe_cepstrum[m * FE_BINS + i];\n"
            "            }"
        )
        value = _linear("sums[i]", 1.0 / spec.std, -spec.mean / spec.std)
        end = (
            f"    for (uint32_t i = 0; i < FE_BINS; i++) {{\n        {_place(spec, 'i')} = fe_store({value});\n    }}\n"
        )
    unit = "fe_mel_scale[m]" if spec.mel_norm != "none" else float_literal(1.0 / ONE_Q31)
    return fill("mel.c", {"ctype": _CTYPES[dtype], "begin": begin, "each": each, "end": end, "mel_unit": unit})


def _place(spec: FrontendSpec, bin_index: str) -> str:
    """Where the value of a bin of frame ``t`` goes."""
    if spec.layout == "time_freq":
        return f"features[(uint32_t)t * FE_BINS + {bin_index}]"
    return f"features[{bin_index} * FE_FRAMES + (uint32_t)t]"


def _linear(text: str, factor: float, offset: float) -> str:
    """``text * factor + offset`` without the parts that do nothing."""
    product = text if factor == 1.0 else f"{text} * {float_literal(factor)}"
    return product if offset == 0.0 else f"{product} + {float_literal(offset)}"


def _push_values(spec: FrontendSpec) -> dict[str, object]:
    reflected = (
        "    last = last > -start ? last : -start; /* mirrored samples */\n" if spec.padding == "reflect" else ""
    )
    return {"reflected": reflected}


def _unit_exponent(spec: FrontendSpec, precision: Precision) -> int:
    """Power of two that is one unit of the split transform: full scale is halved by each layer but the first two, which
    are not scaled, and once more by the split of 32-bit integers.
    """
    return _layers(spec) - 45 if precision == "exact" else _layers(spec) + 1 - _fast_scale(spec)
