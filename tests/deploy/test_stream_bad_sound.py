"""Sound that is not as it should be, through the C of a stream and a detector under the undefined-behaviour sanitizer.

What is stated in docs/streaming.md: nothing crashes, every hop gets scores, and a window later all of it is forgotten.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import torch
from streams import quantized, stream_case, voice

from edgekit.bench.host_stream import host_stream
from edgekit.deploy.detector.generate import generate_detector
from edgekit.deploy.generate_stream import generate_stream, warmup_hops
from edgekit.deploy.target import find_target
from edgekit.detect.detector import Detector, GainState, GateState
from edgekit.detect.settings import DetectorSettings, Gain, VoiceGate
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features
from edgekit.graph.streaming.step import stream

SPEC = PRESETS["kws-mfcc-49x10"].replace(mean=0.0, std=3.0)
STEP = 1920
"""Samples of a detector's step: three hops."""
CHECKED = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
SETTINGS = DetectorSettings(
    outputs=4, keywords=(1, 3), thresholds=(12000, 12000), smoothing=2, refractory=3, gate=VoiceGate(), gain=Gain()
)


def _dropped(pcm: np.ndarray, size: int) -> np.ndarray:
    """Without ``size`` samples at 25 places."""
    places = np.sort(np.random.default_rng(0).choice(len(pcm) // size, 25, replace=False)) * size
    gone = (places[:, None] + np.arange(size)).reshape(-1)
    return np.delete(pcm, gone)


def bad_sounds() -> dict[str, np.ndarray]:
    """Name to int16; of about two seconds."""
    pcm = voice(32_000, 1)
    loud = np.clip(pcm.astype(np.int32) * 40, -32768, 32767).astype(np.int16)
    return {
        "clipped": loud,
        "a full-scale square": np.where(np.arange(32_000) // 40 % 2, 32767, -32768).astype(np.int16),
        "silent": np.zeros(32_000, np.int16),
        "a DC offset": np.clip(pcm.astype(np.int32) + 12_000, -32768, 32767).astype(np.int16),
        "nothing but a DC offset": np.full(32_000, -32768, np.int16),
        "48 kHz taken for 16 kHz": np.repeat(voice(10_700, 2), 3),
        "dropped samples": _dropped(pcm, 1),
        "dropped frames": _dropped(pcm, 320),
    }


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    """The int8 step of a DS-CNN."""
    torch.manual_seed(0)
    pcm = voice(48_000, 7)
    frames = features(SPEC.replace(clip_samples=len(pcm)), pcm).astype(np.float32)
    case = stream_case("ds-cnn", tmp_path_factory.mktemp("model"), frames=frames)
    graph = quantized(case, frames)
    return stream(graph, case.axis)


def test_the_c_gives_scores_for_every_hop_and_forgets_bad_sound_after_a_window(step):
    sources = generate_stream(step, SPEC, find_target("cpu"), "m")
    hop, warm = sources.clip_samples, warmup_hops(step, SPEC)
    good = voice((warm + 12) * hop, 3)
    with host_stream(sources, flags=CHECKED) as listening:
        expected, valid = listening.listen(good)
        assert valid.sum() == 13 and len(np.unique(expected[valid], axis=0)) > 2
        for name, pcm in bad_sounds().items():
            listening.restart()
            rest = -len(pcm) % hop  # what was dropped moves the hops; the stream goes on with the next sample
            scores, _ = listening.listen(np.concatenate([pcm, np.zeros(rest, np.int16)]))
            assert len(scores) == (len(pcm) + rest) // hop, name
            after, valid = listening.listen(good)
            assert valid.all(), name
            assert np.array_equal(after[warm - 1 :], expected[warm - 1 :]), name


def test_silence_is_one_answer_and_no_sound_is_none(step):
    with host_stream(generate_stream(step, SPEC, find_target("cpu"), "m"), flags=CHECKED) as listening:
        scores, _ = listening.listen(np.zeros(64_000, np.int16))
        assert len(np.unique(scores[60:], axis=0)) == 1  # silence is one frame, again and again
        assert len(listening.listen(np.zeros(0, np.int16))[0]) == 0


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> ctypes.CDLL:
    if shutil.which("gcc") is None:
        pytest.skip("install gcc")
    folder = tmp_path_factory.mktemp("detector")
    sources = generate_detector(SETTINGS, 0.08, ("a", "b", "c", "d"), "word")
    for name, text in sources.files.items():
        (folder / name).write_text(text)
    size = "size_t state_bytes(void);\nsize_t state_bytes(void) { return sizeof(word_detector); }\n"
    (folder / "size.c").write_text('#include "word_detector.h"\n' + size)
    command = ["gcc", "-std=c11", *CHECKED, "-O1", "-shared", "-fPIC", "-o", "word.so", "word_detector.c", "size.c"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "word.so"))


def test_the_detector_in_c_is_that_in_python_on_bad_sound(step, library):
    with host_stream(generate_stream(step, SPEC, find_target("cpu"), "m")) as listening:
        for name, bad in bad_sounds().items():
            listening.restart()
            pcm = np.concatenate([bad, voice(16_000, 4)])
            _check_detector(name, pcm[: len(pcm) // STEP * STEP].reshape(-1, STEP), listening, library)


def _check_detector(name, blocks, listening, library):
    state = ctypes.create_string_buffer(library.state_bytes())
    library.word_detector_init(state)
    gate, gain, detector = GateState(VoiceGate()), GainState(Gain()), Detector(SETTINGS, 0.08)
    for block in blocks:
        own = block.copy()
        place = own.ctypes.data_as(ctypes.c_void_p)
        told = library.word_detector_hear(state, place, ctypes.c_size_t(STEP))
        library.word_detector_gain(state, place, ctypes.c_size_t(STEP))
        assert bool(told) == gate.hear(block), name
        wanted = gain.apply(block)
        assert np.array_equal(own, wanted), name
        scores = np.ascontiguousarray(listening.listen(wanted)[0][-1])
        found = library.word_detector_decide(state, scores.ctypes.data_as(ctypes.c_void_p), told, None)
        event = detector.decide(scores, open_gate=bool(told))
        assert found == (-1 if event is None else event.output), name
    assert name != "silent" or gain.gain >= 256  # silence moves no gain


def test_what_the_page_says_of_gate_and_gain():
    gate, gain = GateState(VoiceGate(hangover=5)), GainState(Gain(peak=16000))
    silence = np.zeros(1600, np.int16)
    assert not any(gate.hear(silence) for _ in range(20))
    assert not gain.apply(silence).any() and gain.gain == 256
    square = np.where(np.arange(1600) // 8 % 2, 32767, -32768).astype(np.int16)
    for _ in range(20):
        gain.apply(square)
    assert gain.gain == 16000 * 256 // 32768  # a clipped voice is brought down to the peak, still clipped
    offset = np.full(1600, 1000, np.int16)
    opened = [gate.hear(offset) for _ in range(9000)]
    assert opened[0] and not opened[-1] and 6000 < sum(opened) < 7500
