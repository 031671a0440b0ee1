"""The front-end of a stream: frames of the float64 reference for as long as PCM comes, however it is cut."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from edgekit.deploy.frontend.generate import generate_frontend
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, find_toolchain
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features


def reference(spec, pcm):
    """float64 [frames, bins]: frame i ends with sample (i + 1) · hop, what lies before the stream is silence."""
    front = spec.window_length - spec.hop_length + spec.window_offset + (1 if spec.emphasises_signal else 0)
    back = spec.span - spec.window_offset - spec.window_length
    signal = np.concatenate([np.zeros(front, np.int16), pcm, np.zeros(back, np.int16)])
    made = features(spec.replace(padding="none", clip_samples=len(signal)), signal)
    return made if spec.layout == "time_freq" else made.T


@pytest.mark.parametrize("preset", ["kws-mfcc-49x10", "kws-logmel-40", "thesis-128x100"])
def test_frames_of_a_stream_are_those_of_the_reference(preset, tmp_path):
    spec = PRESETS[preset]
    sources = generate_frontend(spec, "fe", dtype="float32", stream=True)
    for name, text in sources.files.items():
        (tmp_path / name).write_text(text, "utf-8")
    compiler = find_toolchain(find_target("cpu"))
    said = compiler.run([*COMMON_FLAGS, "-fPIC", "-shared", "fe_frontend.c", "-o", "fe.so"], tmp_path)
    library = ctypes.CDLL(str(tmp_path / "fe.so"))
    push = library.fe_frontend_push
    push.restype = ctypes.c_size_t
    state = ctypes.create_string_buffer(b"\xa5" * sources.state_bytes, sources.state_bytes)
    library.fe_frontend_init(state)
    random = np.random.default_rng(0)
    pcm = (random.normal(size=spec.sample_rate) * 3000).astype(np.int16)
    found, frame, at, ready = [], np.zeros(spec.bins, np.float32), 0, ctypes.c_int(0)
    while at < len(pcm):
        piece = np.ascontiguousarray(pcm[at : at + int(random.integers(1, 700))])
        places = (piece.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(piece)))
        at += push(state, *places, frame.ctypes.data_as(ctypes.c_void_p), ctypes.byref(ready))
        found += [frame.copy()] if ready.value else []
    expected = reference(spec, pcm)
    assert said == "" and len(found) == len(pcm) // spec.hop_length == len(expected)
    assert np.abs(np.stack(found) - expected).max() <= 1e-3
