"""The front-end without floating point: what its templates need of mel sums, logarithm and quantization.

Energies have 42 bits beside the loudest of their segment, weights 14 (16384 is one), logarithms to base 2 have 24 below
the point; all factors behind the logarithm are folded into one, or into the DCT's coefficients. The only float is the
gain, a power of two whose exponent is read.
"""

from __future__ import annotations

import math

import numpy as np

from edgekit.deploy.frontend.emit import fill, table
from edgekit.deploy.frontend.finish_text import place
from edgekit.deploy.frontend.tables import ONE_Q31, Tables
from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec

WEIGHT_ONE = 16384
CEPSTRUM_BITS = 25
"""Bits of the largest DCT coefficient: so many products with logarithms then fit 63 bits."""
MOST_CEPSTRUM_BINS = 128


def fits(spec: FrontendSpec) -> bool:
    """Whether the spec can be computed so: energies, triangles of height one, not more than the DCT's sums hold."""
    return spec.power == 2 and spec.mel_norm == "none" and (spec.n_mfcc is None or spec.mel_bins <= MOST_CEPSTRUM_BINS)


def fixed_tables(spec: FrontendSpec, tables: Tables, scale: float) -> str:
    """Constants instead of the float tables: triangles, logarithm, DCT."""
    rise = np.round(tables.rise.astype(np.float64) * (WEIGHT_ONE / ONE_Q31)).astype(np.uint16)
    octave = np.round(np.log2(1.0 + np.arange(65) / 64.0) * (1 << 24)).astype(np.uint32)
    parts = [table("uint16_t", "fe_rise", rise), table("uint32_t", "fe_log2_table", octave)]
    if tables.cepstrum is not None:
        exponent = _cepstrum_exponent(spec, tables, scale)
        factors = tables.cepstrum.astype(np.float64) * _factor(spec, scale)
        parts.append(table("int32_t", "fe_cepstrum", np.round(factors * 2.0**exponent).astype(np.int32).ravel()))
    return "".join(parts)


def finish_text(spec: FrontendSpec, tables: Tables, scale: float, zero_point: int, unit: int) -> str:
    """From the transform's cells to the model's input.

    Args:
        spec: of the front-end, :func:`fits`.
        tables: of the spec.
        scale: of the model's input.
        zero_point: of the model's input.
        unit: exponent of two of the transform's amplitudes.
    """
    mantissa, exponent = math.frexp(spec.log_floor)
    floor = "mel + least" if spec.log_floor_mode == "add" else "mel > least ? mel : least"
    logarithm = {
        "floor_mantissa": int(mantissa * (1 << 31)),
        "floor_exponent": f"({exponent - 31 - 2 * unit})",
        "floored": floor,
        "exponent": f"({2 * unit})",
    }
    if spec.n_mfcc is None:
        factor, bits = math.frexp(_factor(spec, scale))
        shift = 24 + 31 - bits
        begin, end = "", ""
        each = f"{place(spec, 'm')} = fe_store(fe_wide(level, {int(factor * (1 << 31))}));"
    else:
        shift = 24 + _cepstrum_exponent(spec, tables, scale)
        begin = "    int64_t sums[FE_BINS];\n    memset(sums, 0, sizeof sums);\n"
        each = (
            "for (uint32_t i = 0; i < FE_BINS; i++) {\n"
            "                sums[i] += fe_wide(level, fe_cepstrum[m * FE_BINS + i]);\n            }"
        )
        end = (
            f"    for (uint32_t i = 0; i < FE_BINS; i++) {{\n        {place(spec, 'i')} = fe_store(sums[i]);\n    }}\n"
        )
    offset = round((0.5 - spec.mean / spec.std / scale) * 2.0**shift)
    store = {"shift": shift, "offset": offset, "zero_point": f"({zero_point})"}
    return "".join(
        [
            fill("fixed/logarithm.c", logarithm),
            fill("fixed/store.c", store),
            fill("fixed/mel.c", {"begin": begin, "each": each, "end": end}),
        ]
    )


def _factor(spec: FrontendSpec, scale: float) -> float:
    """Steps of the model's input a doubling of energy, before the DCT."""
    return math.log(2.0) * log_factor(spec) / (spec.std * scale)


def _cepstrum_exponent(spec: FrontendSpec, tables: Tables, scale: float) -> int:
    largest = float(np.abs(tables.cepstrum).max()) * _factor(spec, scale) if tables.cepstrum is not None else 1.0
    return CEPSTRUM_BITS - math.frexp(largest)[1]
