"""Front-ends on every clip of real data sets: the promise that features on the chip are those of the training."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.api.verify_features import verify_features
from edgekit.features.presets import PRESETS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "data"),
    [("kws-mfcc-49x10", "dspspeech"), ("kws-logmel-40", "dspspeech"), ("kws-logmel-40", "fsdd"),
     ("thesis-128x100", "esc10"), ("dcase2023", "esc10"), ("dcase2024-baseline", "esc10")],
)  # fmt: skip
def test_all_clips_are_within_the_tolerances(
    preset: str, data: str, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    report = verify_features(preset, data_root / data)
    by_name = {comparison.implementation: comparison for comparison in report.comparisons}
    assert by_name["torch"].max_difference <= 1e-4
    assert by_name["c"].max_difference <= 1e-3
    for comparison in report.comparisons:
        assert comparison.int8_equal >= 0.999
        assert comparison.int8_steps <= 1
        assert comparison.clips >= 300
    assert report.passed


@pytest.mark.slow
def test_an_8_khz_front_end_on_fsdd(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    spec = PRESETS["kws-logmel-40"].replace(
        sample_rate=8_000, clip_samples=8_000, n_fft=256, window_length=240, hop_length=80, f_max=4_000.0
    )
    report = verify_features(spec, data_root / "fsdd")
    assert report.passed
    assert report.comparisons[1].clips == 3_000
