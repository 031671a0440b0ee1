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
from edgekit.deploy.frontend.emit import fill, float_literal
from edgekit.deploy.frontend.finish_text import finish_text, float_tables, store_values, tables_text
from edgekit.deploy.frontend.frame_text import Precision, load_text, power_text, transform_text, unit_exponent
from edgekit.deploy.frontend.header_text import header_text
from edgekit.deploy.frontend.tables import Tables, make_tables
from edgekit.features.schedule import first_start, ring_capacity, state_bytes
from edgekit.features.spec import FrontendSpec

__all__ = ["FeatureType", "FrontendSources", "Precision", "generate_frontend", "one_frame"]

FeatureType = Literal["int8", "float32"]
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
    _check(spec, name, dtype, precision)
    scale = _checked_scale(input_scale, input_zero_point)
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
    header = header_text({**values, "quantization": _quantization(name, dtype, scale, input_zero_point)}, stream=stream)
    finish = _finish(spec, tables, precision, dtype, scale, input_zero_point)
    source = "".join(
        [
            fill("preamble.c", values),
            finish.constants,
            transform_text(spec, precision),
            load_text(spec, precision),
            power_text(spec, tables, precision),
            finish.text,
            fill("keep.c", {}),
            fill("stream/push.c" if stream else "push.c", {**values, **_push_values(spec), **finish.calls}),
        ]
    )
    cell = 16 if precision == "exact" else 8
    return FrontendSources(name, header, source, state_bytes(spec, cell, counters=3 if stream else 2), tables.bytes)


def _check(spec: FrontendSpec, name: str, dtype: FeatureType, precision: Precision) -> None:
    require_identifier(name)
    if spec.kind == "scalogram":
        mend = 'use kind "logmel", which costs a fiftieth: a wavelet transform needs the whole clip at once'
        raise UnsupportedOpError("there is no C for scalograms", where="front-end", mend=mend)
    if precision == "fixed" and (dtype != "int8" or not fixed.fits(spec)):
        raise BadConfigError("these features cannot be computed without floating point", mend='take "fast" or "exact"')


def _checked_scale(scale: float, zero_point: int) -> float:
    """The scale as float32 has it."""
    single = np.float32(scale)
    if not (np.isfinite(single) and single > 0.0) or not -128 <= zero_point <= 127:
        raise BadConfigError(
            f"input scale {scale!r}, zero point {zero_point!r} are not an int8 quantization",
            mend="use a positive scale and a zero point from -128 to 127",
        )
    return float(single)


@dataclass(frozen=True)
class _Finish:
    """What differs with and without floating point: constants, from powers to the model's input, and the calls."""

    constants: str
    text: str
    calls: dict[str, object]


def _finish(
    spec: FrontendSpec, tables: Tables, precision: Precision, dtype: FeatureType, scale: float, zero_point: int
) -> _Finish:
    unit = unit_exponent(spec, precision)
    if precision == "fixed":
        return _Finish(
            tables_text(tables, fixed.fixed_tables(spec, tables, scale)) + fill("fixed/float_bits.c", {}),
            fixed.finish_text(spec, tables, scale, zero_point, unit),
            {"power_call": "fe_power(state->cells);", "finish_call": "fe_finish_frame(state, features, gain);"},
        )
    return _Finish(
        tables_text(tables, float_tables(tables)) + fill("float_math.c", {}),
        fill(f"store_{dtype}.c", store_values(scale, zero_point)) + finish_text(spec, _CTYPES[dtype]),
        {
            "power_call": f"fe_power(state->cells, gain * {float_literal(2.0**unit)});",
            "finish_call": "fe_finish_frame(state, features);",
        },
    )


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


def _push_values(spec: FrontendSpec) -> dict[str, object]:
    reflected = (
        "    last = last > -start ? last : -start; /* mirrored samples */\n" if spec.padding == "reflect" else ""
    )
    return {"reflected": reflected}
