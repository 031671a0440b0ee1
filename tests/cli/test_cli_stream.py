"""``edgekit stream``: exit codes, what it says, what it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from random_chain import Chain
from random_recurrent import svdf
from streams import feature_stream, quantized, stream_case, window_case

from edgekit.cli.main import build
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY
from edgekit.export.tflite_writer import write_tflite
from edgekit.features.presets import PRESETS
from edgekit.models.registry import build_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An int8 file that names its front-end."""
    folder = tmp_path_factory.mktemp("model")
    case = stream_case("ds-cnn", folder)
    spec = PRESETS["kws-mfcc-49x10"]
    graph = quantized(case, feature_stream(case, 100))
    path = folder / "word.int8.tflite"
    metadata = {FRONTEND_KEY: spec.canonical(), FRONTEND_DIGEST_KEY: spec.digest}
    write_tflite(graph.replace(metadata=metadata), path)
    return path


def run(*arguments):
    return CliRunner().invoke(build(), ["stream", *map(str, arguments)])


def test_a_model_that_streams_says_its_hop_and_what_a_frame_takes(model):
    answer = run(model, "--format", "json")
    said = json.loads(answer.stdout)
    assert answer.exit_code == 0 and said["streams"]
    # Stride 2 of frames every 320 samples at 16 kHz.
    assert (said["hop_frames"], said["hop_ms"], said["window_frames"]) == (2, 40.0, 48)
    # By hand, of a hop: stem 5·16·40, four blocks of 5·16·(9 + 16), dense 16·4.
    assert said["macs_per_hop"] == 5 * 16 * 40 + 4 * 5 * 16 * (9 + 16) + 16 * 4
    assert said["macs_per_window"] / said["macs_per_frame"] > 15


def test_the_step_is_written_as_onnx_tflite_and_c(model, tmp_path):
    answer = run(model, "-o", tmp_path / "out", "--target", "cpu", "--sources-only")
    assert answer.exit_code == 0, answer.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"word.stream.onnx", "word.stream.tflite", "word.stateful.tflite", "stream.json", "c"}
    header = (tmp_path / "out" / "c" / "word.h").read_text("utf-8")
    assert "int word_step(word_state *state, const int8_t *in, int8_t *out);" in header
    assert "#define WORD_HOP_SAMPLES 640" in header and "int word_push(" in header


def test_layers_in_the_way_are_named_and_the_exit_code_is_1(tmp_path):
    case = window_case(build_model("ds-cnn", channels=8), (49, 10), 1, tmp_path)
    assert case.axis == 1
    answer = run(tmp_path / "window.onnx", "--time", "height", "--format", "json")
    said = json.loads(answer.stdout)
    assert answer.exit_code == 1 and not said["streams"] and len(said["obstacles"]) == 5
    text = run(tmp_path / "window.onnx", "--time", "height").stdout
    assert "does not stream" in text and "--causal" in text


def test_a_model_that_does_not_say_where_time_is_is_undecided(tmp_path):
    stream_case("ds-tcn", tmp_path)
    answer = run(tmp_path / "window.onnx")
    assert answer.exit_code != 0 and "--time height" in str(answer.exception)


def test_c_without_a_folder_is_refused(model):
    answer = run(model, "--target", "cortex-m4")
    assert answer.exit_code != 0 and "C needs a folder" in str(answer.exception)


def test_a_model_with_svdf_needs_no_axis_of_time_and_has_no_onnx(tmp_path):
    chain = Chain(np.random.default_rng(1), (1, 20))
    svdf(chain)
    chain.fully_connected(5)
    write_tflite(chain.graph(), tmp_path / "word.tflite")
    answer = run(tmp_path / "word.tflite", "-o", tmp_path / "out", "--target", "cpu", "--sources-only")
    assert answer.exit_code == 0, answer.output
    assert "1 tensors" in answer.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"word.stream.tflite", "stream.json", "c"}
