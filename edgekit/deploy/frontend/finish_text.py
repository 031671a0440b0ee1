"""Text of constants, and of a frame's way from powers to features: mel, logarithm, DCT, store."""

from __future__ import annotations

import numpy as np

from edgekit.deploy.frontend.emit import fill, float_literal, table
from edgekit.deploy.frontend.tables import ONE_Q31, Tables
from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec


def store_values(scale: float, zero_point: int) -> dict[str, object]:
    """Steps at and above which the int8 is 127, and below which it is -128, before the zero point is added."""
    return {
        "inverse_scale": float_literal(1.0 / scale),
        "highest": float_literal(127 - zero_point),
        "lowest": float_literal(-128 - zero_point),
        "zero_point": f"({zero_point})" if zero_point < 0 else zero_point,
    }


def tables_text(tables: Tables, behind: str) -> str:
    """All constants; ``behind`` are those of the part behind the powers."""
    parts = [table("int32_t", "fe_cosine", tables.cosine)]
    if tables.window.size:
        parts.append(table("int32_t", "fe_window", tables.window))
    parts.append(table("uint16_t", "fe_corner", tables.corners))
    return "".join([*parts, behind, _window_text(tables)])


def float_tables(tables: Tables) -> str:
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


def finish_text(spec: FrontendSpec, ctype: str) -> str:
    """Mel, logarithm, DCT, normalisation and layout."""
    floor = float_literal(spec.log_floor)
    floored = f"mel + {floor}" if spec.log_floor_mode == "add" else f"mel > {floor} ? mel : {floor}"
    factor = log_factor(spec)
    if spec.n_mfcc is None:
        value = _linear(f"fe_ln({floored})", factor / spec.std, -spec.mean / spec.std)
        begin, end, each = "", "", f"{place(spec, 'm')} = fe_store({value});"
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
            f"    for (uint32_t i = 0; i < FE_BINS; i++) {{\n        {place(spec, 'i')} = fe_store({value});\n    }}\n"
        )
    unit = "fe_mel_scale[m]" if spec.mel_norm != "none" else float_literal(1.0 / ONE_Q31)
    return fill("mel.c", {"ctype": ctype, "begin": begin, "each": each, "end": end, "mel_unit": unit})


def place(spec: FrontendSpec, bin_index: str) -> str:
    """Where the value of a bin of frame ``t`` goes."""
    if spec.layout == "time_freq":
        return f"features[(uint32_t)t * FE_BINS + {bin_index}]"
    return f"features[{bin_index} * FE_FRAMES + (uint32_t)t]"


def _linear(text: str, factor: float, offset: float) -> str:
    """``text * factor + offset`` without the parts that do nothing."""
    product = text if factor == 1.0 else f"{text} * {float_literal(factor)}"
    return product if offset == 0.0 else f"{product} + {float_literal(offset)}"
