"""The C of a stream: bytes of the integer step, nothing moved, PCM in."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from streams import SHAPES, feature_stream, int8_frames, quantized, stream_case, windows_of_hops

from edgekit.bench.emulate import emulate
from edgekit.bench.host import SANITIZE
from edgekit.bench.host_stream import host_stream
from edgekit.core.errors import BadConfigError, DigestMismatchError, UnsupportedOpError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY
from edgekit.deploy.generate import generate
from edgekit.deploy.generate_stream import generate_stream, warmup_hops
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.streaming.step import stream

CPU, M4 = find_target("cpu"), find_target("cortex-m4")


@pytest.fixture(scope="module")
def int8_stream(tmp_path_factory):
    """Name to (case, int8 window graph, its step graph, int8 frames), each made once."""

    def make(name):
        case = stream_case(name, tmp_path_factory.mktemp(name))
        frames = feature_stream(case, case.frames + 40)
        graph = quantized(case, frames)
        return case, graph, stream(graph, case.axis), int8_frames(graph, frames)

    return cache(make)


def hops_of(form, frames):
    count = len(frames) // form.hop
    return frames[: count * form.hop].reshape(count, -1)


@pytest.mark.parametrize("name", SHAPES)
def test_c_on_this_machine_gives_the_bytes_of_every_window(name, int8_stream):
    case, graph, form, frames = int8_stream(name)
    windows, chosen = windows_of_hops(case, form, frames)
    expected = run_integer(graph, windows).reshape(len(windows), -1)
    with host_stream(generate_stream(form, None, CPU, "m"), flags=SANITIZE[1:2]) as listening:
        assert listening.warnings == ""
        assert np.array_equal(listening.step(hops_of(form, frames))[chosen], expected)


@pytest.mark.parametrize("name", SHAPES)
def test_c_on_an_emulated_m4_gives_the_bytes_of_every_window(name, int8_stream, tmp_path):
    case, graph, form, frames = int8_stream(name)
    windows, chosen = windows_of_hops(case, form, frames)
    expected = run_integer(graph, windows).reshape(len(windows), -1)
    image = build(generate_stream(form, None, M4, "m"), M4, tmp_path / "image")
    run = emulate(image, hops_of(form, frames), counted=1)
    assert np.array_equal(run.scores[chosen], expected)
    assert image.warnings == "" and run.counts[0].model > 1000


@pytest.mark.parametrize("name", ["ds-cnn", "windowed-ast"])
def test_a_hop_writes_its_blocks_and_their_mirrors_and_moves_nothing(name, int8_stream):
    _, _, form, frames = int8_stream(name)
    sources = generate_stream(form, None, CPU, "m")
    assert not any("memmove" in text for text in sources.files.values())
    written = sum(2 * form.graph.tensor(state.new).nbytes for state in form.states)
    with host_stream(sources) as listening:
        before = listening.rings()
        for hop in hops_of(form, frames)[:30]:
            listening.step(hop[None])
            after = listening.rings()
            assert np.count_nonzero(before != after) <= written
            before = after


def test_the_state_is_that_of_a_fresh_start_fed_the_last_window(int8_stream):
    _, _, form, frames = int8_stream("ds-cnn")
    hops = np.tile(hops_of(form, frames), (20, 1))
    with host_stream(generate_stream(form, None, CPU, "m")) as listening:
        long = listening.step(hops)[-1]
        # Rings begin at another turn; what they say, the scores of whatever comes next, is the same.
        after = listening.step(hops[:25])
        listening.restart()
        short = listening.step(hops[-form.warmup :])[-1]
        assert np.array_equal(long, short)
        assert np.array_equal(listening.step(hops[:25]), after)


def test_pcm_in_pieces_gives_the_scores_of_the_reference_features(int8_stream):
    _, graph, form, _ = int8_stream("ds-cnn")
    spec = PRESETS["kws-mfcc-49x10"].replace(mean=0.0, std=20.0)
    rng = np.random.default_rng(3)
    pcm = (rng.normal(size=32_000) * 2000.0 * (1.0 + np.sin(np.arange(32_000) / 3000.0))).astype(np.int16)
    # Frame k ends with sample (k + 1) · hop: before the stream lies silence.
    silence = np.zeros(spec.window_length - spec.hop_length, np.int16)
    signal = np.concatenate([silence, pcm])
    reference = features(spec.replace(clip_samples=len(signal)), signal)
    scale, zero = graph.tensor(graph.inputs[0]).scale_zero()
    frames = quantize_features(reference, scale, zero)
    with host_stream(generate_stream(form, None, CPU, "m")) as listening:
        expected = listening.step(hops_of(form, frames))
    with host_stream(generate_stream(form, spec, CPU, "m")) as listening:
        pieces = np.split(pcm, np.sort(rng.choice(len(pcm), 60, replace=False)))
        answers = [listening.listen(piece) for piece in pieces]
    scores, valid = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    assert len(scores) == len(pcm) // (form.hop * spec.hop_length) == len(expected)
    # Features of C and of the float64 reference may differ by one int8 step where a value lies on a border.
    assert np.mean(scores == expected) > 0.95 and np.abs(scores.astype(int) - expected).max() <= 8
    assert np.count_nonzero(~valid) == warmup_hops(form, spec) - 1


def test_a_front_end_of_other_frames_is_refused(int8_stream):
    _, _, form, _ = int8_stream("ds-cnn")
    with pytest.raises(BadConfigError, match="a frame of the front-end has 40 values, one of the model 10"):
        generate_stream(form, PRESETS["kws-logmel-40"], CPU)
    named = form.graph.replace(metadata={FRONTEND_DIGEST_KEY: "sha256:0"})
    other = type(form)(**{**vars(form), "graph": named})
    with pytest.raises(DigestMismatchError):
        generate_stream(other, PRESETS["kws-mfcc-49x10"], CPU)


def test_a_float_stream_is_not_compiled(int8_stream):
    case, _, _, _ = int8_stream("ds-tcn")
    with pytest.raises(UnsupportedOpError, match="only int8 models are compiled"):
        generate_stream(stream(case.graph, case.axis), None, CPU)


def test_sources_of_windows_are_no_stream(int8_stream):
    _, graph, _, _ = int8_stream("ds-tcn")
    with pytest.raises(BadConfigError, match="takes windows"), host_stream(generate(graph, None, CPU, "m")):
        pass
