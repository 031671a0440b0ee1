"""Measures, spectra, duplicates and leaks of sets whose answers are known by construction."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from scipy.signal import lfilter, welch

from edgekit.data.datasets import read_manifest
from edgekit.data.inspect.fingerprint import ALIKE, fingerprint
from edgekit.data.inspect.leakage import find_leaks
from edgekit.data.inspect.measures import ClipMeasures, measure_clip, zero_samples
from edgekit.data.inspect.spectrum import CENTRES, BandPower, average_spectra
from edgekit.data.inspect.survey import Survey, survey_manifest
from edgekit.data.manifest import Clip

RATE = 16_000


def _speechlike(seed: int, samples: int = RATE) -> np.ndarray:
    """Noise in a few syllables of random colour, so that every seed is another word."""
    draw = np.random.default_rng(seed)
    out = np.zeros(samples)
    for start in np.sort(draw.integers(0, samples - 3000, 5)):
        burst = lfilter([1.0], [1.0, -draw.uniform(-0.95, 0.95)], draw.normal(size=3000)) * np.hanning(3000)
        out[start : start + 3000] += draw.uniform(0.3, 1.0) * burst / np.abs(burst).max()
    return 0.4 * out / np.abs(out).max()


def _measured(path: Path, signal: np.ndarray, label: str = "x", **options: str) -> ClipMeasures:
    soundfile.write(path, signal, RATE, **(options or {"subtype": "PCM_16"}))
    found = measure_clip(Clip("c", path, label, sample_rate=RATE, samples=len(signal)))
    assert isinstance(found, ClipMeasures)
    return found


def test_levels_of_a_sine(tmp_path) -> None:
    found = _measured(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE) + 0.02)
    assert abs(found.peak - 20 * math.log10(0.52)) < 0.01
    assert abs(found.rms - 10 * math.log10(0.125 + 0.0004)) < 0.01
    assert abs(found.offset - 0.02) < 1e-4 and found.clipped == 0.0 and found.zeros == 0.0


def test_clipping_and_digital_silence_are_counted_in_samples(tmp_path) -> None:
    signal = np.clip(1.5 * np.sin(2 * np.pi * 97.3 * np.arange(RATE) / RATE), -1, 1)
    signal[:4000] = 0.0
    found = _measured(tmp_path / "a.wav", signal)
    assert abs(found.zeros - 0.25) < 1e-3
    # 1.5·sin is at the stop for 1 − 2·asin(2/3)/π of the time
    assert abs(found.clipped - 0.75 * (1 - 2 * math.asin(2 / 3) / math.pi)) < 0.005


def test_runs_of_zeros_have_a_least_length() -> None:
    signal = np.array([0, 0, 1, 0, 0, 0, 1, 0], float)
    assert [zero_samples(signal, least) for least in (1, 2, 3, 4)] == [6, 5, 3, 0]


def test_long_clips_are_measured_in_stretches_to_the_same_result(tmp_path, monkeypatch) -> None:
    signal = _speechlike(3, 4 * RATE)
    whole = _measured(tmp_path / "a.wav", signal)
    monkeypatch.setattr("edgekit.data.inspect.measures._STRETCH_S", 1)
    parts = _measured(tmp_path / "a.wav", signal)
    assert parts.audio_digest == whole.audio_digest and parts.file_digest == whole.file_digest
    assert abs(parts.rms - whole.rms) < 1e-6 and parts.peak == whole.peak


def test_band_levels_equal_welch(tmp_path) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=8 * RATE)
    bands = BandPower(RATE)
    bands.add(noise.astype(np.float32))
    levels = bands.decibels()
    frequency, density = welch(noise, RATE, window="hann", nperseg=2048, detrend=False)
    for centre, level in zip(CENTRES, levels, strict=True):
        inside = (frequency >= centre / 10**0.05) & (frequency < centre * 10**0.05)
        if centre * 10**0.05 > RATE / 2:
            assert math.isnan(level)
        else:
            assert abs(level - 10 * math.log10(density[inside].sum() * frequency[1])) < 0.05


def test_average_spectra_leave_out_bands_that_a_clip_does_not_reach() -> None:
    bands = np.array([[0.0, np.nan], [4.0, 8.0], [1.0, np.nan]])
    b, a = average_spectra(bands, ["b", "b", "a"])[::-1]
    assert (a.group, a.clips, b.group, b.clips) == ("a", 1, "b", 2)
    np.testing.assert_array_equal(b.decibels, [2.0, 8.0])
    assert a.decibels[0] == 1.0 and math.isnan(a.decibels[1])


def _alike(one: np.ndarray, two: np.ndarray, rate: int = RATE) -> float:
    return float(fingerprint(one.astype(np.float32), RATE)[0] @ fingerprint(two.astype(np.float32), rate)[0])


def test_fingerprints_survive_gain_colour_rate_and_padding() -> None:
    for seed in range(8):
        word = _speechlike(seed)
        assert _alike(word, 0.1 * word) > 0.999
        assert _alike(word, lfilter([1.0, 0.4], [1.0], word)) > ALIKE  # another microphone
        assert _alike(word, soxr.resample(word, RATE, 11_025), 11_025) > ALIKE
        assert _alike(word, np.pad(word, (1601, 800))) > 0.97  # frames fall elsewhere


def test_fingerprints_of_other_recordings_differ() -> None:
    words = [fingerprint(_speechlike(seed).astype(np.float32), RATE)[0] for seed in range(40)]
    words += [
        fingerprint((0.1 * np.random.default_rng(s).normal(size=RATE)).astype(np.float32), RATE)[0] for s in range(40)
    ]
    likeness = np.stack(words) @ np.stack(words).T - 2 * np.eye(80)
    assert likeness.max() < 0.96 < ALIKE
    assert not fingerprint(np.zeros(1000, np.float32), RATE)[0].any()


@pytest.fixture
def odd_set(tmp_path: Path) -> Path:
    """Twelve words; on the other side of the split a copied file, a re-coded one, a softer one; a speaker, a source."""
    rows = ["path,label,split,fold,speaker,source"]
    for number in range(12):
        soundfile.write(tmp_path / f"{number}.wav", _speechlike(number), RATE, subtype="PCM_16")
        rows.append(f"{number}.wav,yes,train,{number % 2},s{number},")
    (tmp_path / "bytes.wav").write_bytes((tmp_path / "0.wav").read_bytes())
    pcm, _ = soundfile.read(tmp_path / "1.wav", dtype="int16")
    soundfile.write(tmp_path / "coded.flac", pcm, RATE)
    soundfile.write(tmp_path / "softer.wav", 0.3 * _speechlike(2), RATE)
    soundfile.write(tmp_path / "speaker.wav", _speechlike(50), RATE)
    soundfile.write(tmp_path / "copy.wav", _speechlike(51), RATE)
    rows += ["bytes.wav,yes,test,,t0,", "coded.flac,yes,test,,t1,", "softer.wav,no,test,,t2,"]
    rows += ["speaker.wav,yes,test,,s5,", "copy.wav,yes,test,,t4,7.wav"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def survey(odd_set: Path) -> Survey:
    return survey_manifest(read_manifest(odd_set))


def test_duplicates_are_found_by_kind(survey: Survey) -> None:
    ids = [clip.id for clip in survey.manifest.clips]
    found = {item.kind: ([ids[index] for index in item.clips], item.labels) for item in survey.duplicates}
    assert len(survey.duplicates) == 3
    assert found == {
        "bytes": (["0.wav", "bytes.wav"], ("yes",)),
        "audio": (["1.wav", "coded.flac"], ("yes",)),
        "near": (["2.wav", "softer.wav"], ("no", "yes")),
    }


def test_leaks_name_what_is_on_both_sides(survey: Survey) -> None:
    found = {leak.kind: leak for leak in survey.leaks}
    assert {leak.column for leak in survey.leaks} == {"split"} and len(found) == len(survey.leaks) == 5
    assert {leak.sides for leak in survey.leaks} == {("test", "train")}
    assert found["speaker"].examples == ("s5",) and found["source"].examples == ("7.wav",)
    assert found["near"].examples == ("2.wav = softer.wav",)
    assert all(leak.shared == 1 and leak.clips == 2 for leak in survey.leaks)


def test_folds_leak_pair_by_pair() -> None:
    clips = [Clip(str(n), Path(f"/{n}"), "x", fold=str(n % 3), source="one" if n < 3 else f"own{n}") for n in range(9)]
    leaks = find_leaks(clips, ())
    assert Counter(leak.sides for leak in leaks) == {("0", "1"): 1, ("0", "2"): 1, ("1", "2"): 1}
    assert find_leaks(clips[3:], ()) == ()


def test_bad_clips_are_named_and_not_fatal(odd_set: Path) -> None:
    (odd_set / "3.wav").write_bytes(b"no sound at all")
    soundfile.write(odd_set / "4.wav", np.zeros(800), RATE)
    flac = odd_set / "5.flac"
    soundfile.write(flac, 0.1 * np.random.default_rng(0).normal(size=40_000), RATE)
    flac.write_bytes(flac.read_bytes()[:20_000])
    (odd_set / "manifest.csv").write_text("path,label\n0.wav,a\n3.wav,a\n4.wav,a\n5.flac,a\n")
    found = survey_manifest(read_manifest(odd_set))
    assert [clip.id for clip in found.manifest.clips] == ["0.wav"] and len(found.measures) == 1
    assert [item.path for item in found.manifest.rejected] == ["3.wav", "4.wav", "5.flac"]


def test_a_large_set_is_not_searched_for_near_duplicates(odd_set: Path, monkeypatch) -> None:
    monkeypatch.setattr("edgekit.data.inspect.survey.MAX_CLIPS", 10)
    found = survey_manifest(read_manifest(odd_set))
    assert not found.searched_near and not found.measures[0].fingerprint.size
    assert [item.kind for item in found.duplicates] == ["bytes", "audio"]
