"""What devices do to recordings: their levels and their spectra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.data.inspect.spectrum import CENTRES, AverageSpectrum, average_spectra
from edgekit.data.inspect.survey import Survey

REFERENCE_DEVICE = "a"
LOUD_OFFSET = 0.01
MUCH_SILENCE = 0.1


def level_rows(survey: Survey) -> list[dict[str, Any]]:
    """Levels by device (or of all clips): medians in dBFS, and how many clips are clipped, offset or partly silent."""
    rows = []
    names = _devices(survey)
    for name in sorted(set(names)):
        found = [item for item, other in zip(survey.measures, names, strict=True) if other == name]
        peaks, levels = ([value for m in found if math.isfinite(value := getattr(m, key))] for key in ("peak", "rms"))
        rows.append(
            {
                "device": name,
                "clips": len(found),
                "peak_dbfs": _quantile(peaks, 0.5),
                "rms_dbfs": _quantile(levels, 0.5),
                "rms_dbfs_p10": _quantile(levels, 0.1),
                "rms_dbfs_p90": _quantile(levels, 0.9),
                "clipped": sum(m.clipped > 0 for m in found),
                "offset": sum(abs(m.offset) > LOUD_OFFSET for m in found),
                "digital_silence": sum(m.zeros > MUCH_SILENCE for m in found),
            }
        )
    return rows


def device_spectra(survey: Survey) -> tuple[AverageSpectrum, ...]:
    """The average spectrum of each device, or of all clips where no device is named."""
    return average_spectra(np.stack([item.bands for item in survey.measures]), _devices(survey))


def reference_of(spectra: Sequence[AverageSpectrum]) -> AverageSpectrum:
    """The device that others are compared with: "a", or the one with the most clips."""
    named = [item for item in spectra if item.group == REFERENCE_DEVICE]
    return named[0] if named else max(spectra, key=lambda item: item.clips)


def spectra_json(survey: Survey) -> dict[str, Any]:
    """Spectra of all devices in dB, and how far each is from the reference device's."""
    spectra = device_spectra(survey)
    reference = reference_of(spectra)
    return {
        "centre_hz": [round(float(centre), 1) for centre in CENTRES],
        "reference": reference.group,
        "devices": {
            item.group: {
                "db": _rounded(item.decibels),
                "difference_db": _rounded(item.decibels - reference.decibels),
            }
            for item in spectra
        },
    }


def _devices(survey: Survey) -> list[str]:
    return [clip.device or "all" for clip in survey.manifest.clips]


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 2) if math.isfinite(value) else None for value in values]


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 2) if values else None
