"""The generated C front-end equals the float64 reference, however the PCM is divided."""

from __future__ import annotations

import numpy as np
import pytest
from frontend_variants import VARIANTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.core.errors import BadConfigError
from edgekit.deploy.frontend.generate import generate_frontend
from edgekit.deploy.frontend.host import HostFrontend, host_frontend
from edgekit.features.compare import natural_unit
from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.features.signals import synthetic_clips
from edgekit.features.spec import FrontendSpec

TOLERANCE = 1e-3


def in_pieces(front: HostFrontend, pcm: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Push a clip in pieces of the given sizes, again and again, until the features are ready."""
    done = 0
    while True:
        for size in sizes:
            taken, out = front.push(pcm[done : done + size])
            done += taken
            if out is not None:
                assert done == front.spec.clip_samples
                return out


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_option_equals_the_reference(name: str) -> None:
    spec = VARIANTS[name]
    with host_frontend(spec) as front:
        for signal, pcm in synthetic_clips(spec.sample_rate, spec.clip_samples).items():
            difference = np.abs(front.clip(pcm) - features(spec, pcm)).max() * natural_unit(spec)
            assert difference <= TOLERANCE, signal


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_equal_the_reference(name: str) -> None:
    spec = PRESETS[name]
    with host_frontend(spec) as front:
        for signal, pcm in synthetic_clips(spec.sample_rate, spec.clip_samples, seed=3).items():
            difference = np.abs(front.clip(pcm) - features(spec, pcm)).max() * natural_unit(spec)
            assert difference <= TOLERANCE, signal


@pytest.mark.parametrize("name", list(PRESETS))
def test_int8_inputs_equal_the_quantized_reference(name: str) -> None:
    spec = PRESETS[name]
    scale, zero_point = (0.5, 90) if spec.kind == "mfcc" else (0.05, 60)
    clips = synthetic_clips(spec.sample_rate, spec.clip_samples).values()
    wanted = np.stack([quantize_features(features(spec, pcm), scale, zero_point) for pcm in clips])
    with host_frontend(spec, "int8", scale, zero_point) as front:
        got = np.stack([front.clip(pcm) for pcm in clips])
    steps = np.abs(got.astype(int) - wanted)
    assert steps.max() <= 1
    assert np.mean(steps == 0) >= 0.999


def test_int8_inputs_saturate() -> None:
    spec = VARIANTS["plain"]
    silence, loud = (
        np.zeros(spec.clip_samples, np.int16),
        synthetic_clips(16_000, spec.clip_samples)["full-scale noise"],
    )
    for zero_point in (-128, 0, 127):
        with host_frontend(spec, "int8", 1e-3, zero_point) as front:
            assert set(np.unique(front.clip(silence))) == {-128}  # ln(1e-6) is -13.8
            assert set(np.unique(front.clip(loud))) <= {-128, 127}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", ["plain", "left, reflected", "signal pre-emphasis, zero padding", "hop of one"])
def test_any_division_of_the_pcm_gives_the_same_bytes(name: str, data: st.DataObject, fronts: dict) -> None:
    front = fronts[name]
    pcm = synthetic_clips(16_000, front.spec.clip_samples)["speech-like"]
    sizes = data.draw(st.lists(st.integers(0, front.spec.clip_samples + 5), min_size=1, max_size=12).filter(any))
    np.testing.assert_array_equal(in_pieces(front, pcm, sizes), front.clip(pcm))


@pytest.fixture(scope="module")
def fronts():
    """A few loaded front-ends for the whole module."""
    from contextlib import ExitStack

    names = ("plain", "left, reflected", "signal pre-emphasis, zero padding", "hop of one")
    with ExitStack() as stack:
        yield {name: stack.enter_context(host_frontend(VARIANTS[name])) for name in names}


def test_one_sample_at_a_time_gives_the_same_bytes(fronts: dict) -> None:
    front = fronts["plain"]
    pcm = synthetic_clips(16_000, front.spec.clip_samples)["brown noise"]
    np.testing.assert_array_equal(in_pieces(front, pcm, [1]), front.clip(pcm))


def test_clips_follow_each_other_without_a_trace(fronts: dict) -> None:
    front = fronts["signal pre-emphasis, zero padding"]
    clips = list(synthetic_clips(16_000, front.spec.clip_samples).values())
    alone = [front.clip(pcm) for pcm in clips]
    front.reset()
    stream, done, found = np.concatenate(clips), 0, []
    while done < stream.size:
        taken, out = front.push(stream[done : done + 777])
        done += taken
        if out is not None:
            found.append(out)
    assert len(found) == len(alone)
    for wanted, got in zip(alone, found, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_push_takes_nothing_past_the_end_of_the_clip(fronts: dict) -> None:
    front = fronts["plain"]
    front.reset()
    taken, out = front.push(np.zeros(front.spec.clip_samples + 100, np.int16))
    assert taken == front.spec.clip_samples
    assert out is not None
    assert front.push(np.zeros(0, np.int16)) == (0, None)


def test_quiet_bins_beside_loud_ones_survive() -> None:
    """A full-scale tone and, 80 dB below it, another: float32 transforms are off by some 1e-3 at its edges."""
    spec = PRESETS["kws-logmel-40"].replace(log_floor=1e-12)
    pcm = synthetic_clips(16_000, 16_000)["quiet beside loud"]
    with host_frontend(spec) as front:
        assert np.abs(front.clip(pcm) - features(spec, pcm)).max() <= 1e-4


_OPTIONS = {
    "window": st.sampled_from(["hann", "hamming", "povey", "rect"]),
    "window_periodic": st.booleans(),
    "window_align": st.sampled_from(["center", "left"]),
    "padding": st.sampled_from(["none", "reflect", "zero"]),
    "preemphasis": st.sampled_from([0.0, 0.5, 0.97]),
    "preemphasis_scope": st.sampled_from(["signal", "frame"]),
    "remove_dc": st.booleans(),
    "power": st.sampled_from([1, 2]),
    "mel_scale": st.sampled_from(["htk", "slaney", "kaldi"]),
    "mel_bins": st.integers(1, 60),
    "f_min": st.sampled_from([0.0, 20.0, 300.0]),
    "f_max": st.sampled_from([2_000.0, 3_999.0, 4_000.0]),
    "log": st.sampled_from(["ln", "log10", "db"]),
    "log_floor_mode": st.sampled_from(["add", "max"]),
    "layout": st.sampled_from(["time_freq", "freq_time"]),
    "hop_length": st.integers(1, 400),
    "clip_samples": st.integers(700, 3_000),
    "window_length": st.integers(2, 256),
    "n_fft": st.sampled_from([256, 512]),
}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(options=st.fixed_dictionaries(_OPTIONS), sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5))
def test_any_combination_of_options_equals_the_reference(options: dict, sizes: list[int]) -> None:
    spec = FrontendSpec(kind="logmel", sample_rate=8_000, log_floor=1e-6, **options)
    clips = synthetic_clips(8_000, spec.clip_samples)
    with host_frontend(spec) as front:
        for name in ("speech-like", "white noise", "impulses", "quiet beside loud"):
            out = in_pieces(front, clips[name], sizes)
            assert np.abs(out - features(spec, clips[name])).max() * natural_unit(spec) <= TOLERANCE


@pytest.mark.parametrize("name", ["int", "Bad Name", "a-b", "1a", "", "x; system"])
def test_names_that_are_no_identifiers_are_refused(name: str) -> None:
    with pytest.raises(BadConfigError):
        generate_frontend(PRESETS["kws-logmel-40"], name)


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (float("inf"), 0), (0.1, 200)])
def test_impossible_quantizations_are_refused(scale: float, zero_point: int) -> None:
    with pytest.raises(BadConfigError):
        generate_frontend(PRESETS["kws-logmel-40"], "model", scale, zero_point)
