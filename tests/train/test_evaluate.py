"""Evaluation of a run, of its ONNX and of its int8 form: the same answers by independent routes."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import onnxruntime
import pytest

from edgekit.api.budget import rank_submissions
from edgekit.api.evaluate import evaluate, evaluate_models
from edgekit.api.export import export
from edgekit.core.errors import BadConfigError, BadFileError, DataError, DigestMismatchError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.export.tflite_writer import write_tflite
from edgekit.features.reference import features as reference
from edgekit.features.spec_file import load_spec
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.ptq import quantize_graph
from edgekit.report.schemas import json_schema
from edgekit.train.checkpoint import load_checkpoint, save_checkpoint
from edgekit.train.evaluation.evaluation_json import evaluation_json


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export(tiny_run, folder)
    return folder


@pytest.fixture(scope="module")
def test_features(exported: Path, tones: Path, audio_cache: Path) -> np.ndarray:
    """Reference features of the test clips, float32 [18, 1, 20, 24]."""
    spec = load_spec(exported)
    cache = AudioCache(read_manifest(tones).select(split="test"), spec.sample_rate, audio_cache)
    return np.stack([reference(spec, cache.clip(i)) for i in range(len(cache))])[:, None].astype(np.float32)


@pytest.fixture(scope="module")
def int8_model(exported: Path, test_features: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "model.tflite"
    clips = test_features.transpose(0, 2, 3, 1)
    write_tflite(quantize_graph(lower(load_graph(exported / "model.onnx")), clips), path)
    return path


def test_a_run_scores_what_onnxruntime_scores(
    tiny_run: Path, exported: Path, tones: Path, audio_cache: Path, test_features: np.ndarray
) -> None:
    result = evaluate(tiny_run, tones, cache=audio_cache)  # split=test by default
    assert {clip.split for clip in result.clips} == {"test"} and result.scores.clips == 18
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"), providers=["CPUExecutionProvider"])
    logits = np.stack([session.run(None, {"features": x[None]})[0][0] for x in test_features]).astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-4)
    assert result.scores.accuracy == pytest.approx(np.mean(expected.argmax(1) == result.targets))
    assert result.scores.accuracy >= 0.8


def test_the_exported_graph_agrees_with_the_run(tiny_run: Path, exported: Path, tones: Path, audio_cache: Path) -> None:
    run = evaluate(tiny_run, tones, cache=audio_cache)
    graph = evaluate(exported / "model.onnx", tones, cache=audio_cache)
    assert (run.arithmetic, graph.arithmetic) == ("float32", "float32")
    assert run.frontend_digest == graph.frontend_digest
    np.testing.assert_allclose(run.probabilities, graph.probabilities, atol=1e-4)


def test_an_int8_model_scores_what_litert_scores(
    int8_model: Path, tones: Path, audio_cache: Path, test_features: np.ndarray
) -> None:
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = interpreter_module.Interpreter(
        str(int8_model), experimental_op_resolver_type=interpreter_module.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = given["quantization"]
    expected = []
    for x in test_features:
        q = np.clip(np.floor(x.astype(np.float64) / np.float32(scale) + 0.5) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], q.reshape(given["shape"]))
        interpreter.invoke()
        expected.append(int(np.argmax(interpreter.get_tensor(made["index"])[0])))
    result = evaluate(int8_model, tones, cache=audio_cache)
    assert result.arithmetic == "int8"
    assert result.predictions.tolist() == expected


def test_groups_and_files(tiny_run: Path, tones: Path, audio_cache: Path, tmp_path: Path) -> None:
    result = evaluate(
        tiny_run,
        tones,
        select="speaker=s5,s6",
        cache=audio_cache,
        predictions=tmp_path / "p.csv",
        plot=tmp_path / "c.png",
    )
    table = evaluation_json(result)
    assert set(table["by_speaker"]) == {"s5", "s6"} and "by_device" not in table
    assert sum(row["clips"] for row in table["by_label"].values()) == 18
    assert np.trace(np.array(table["confusion"])) == round(table["accuracy"] * 18)
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert [row["predicted"] for row in rows] == [result.labels[i] for i in result.predictions]
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_another_frontend_is_a_digest_mismatch(
    tiny_run: Path, exported: Path, int8_model: Path, tones: Path, audio_cache: Path
) -> None:
    for model in (tiny_run, exported / "model.onnx", int8_model):
        with pytest.raises(DigestMismatchError, match="made for front-end"):
            evaluate(model, tones, frontend="kws-logmel-40", cache=audio_cache)
        evaluate(model, tones, frontend=exported / "frontend.json", cache=audio_cache)


def test_a_label_that_the_model_does_not_know(tiny_run: Path, tones: Path, tmp_path: Path, audio_cache: Path) -> None:
    table = tones.with_name("renamed.csv")
    table.write_text(tones.read_text().replace(",hiss,", ",whisper,"))
    with pytest.raises(DataError, match="does not know the label 'whisper'"):
        evaluate(tiny_run, table, cache=audio_cache)


def test_a_foreign_model_needs_frontend_and_labels(models_root: Path, tones: Path, tmp_path: Path) -> None:
    model = models_root / "kws_ref_model.tflite"
    with pytest.raises(BadConfigError, match="names no front-end"):
        evaluate(model, tones)
    with pytest.raises(BadConfigError, match="carries no labels"):
        evaluate(model, tones, frontend="kws-mfcc-49x10")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(BadFileError, match="2 labels for 12 outputs"):
        evaluate(model, tones, frontend="kws-mfcc-49x10", labels=tmp_path / "labels.txt")


def test_an_unknown_picture_is_refused_before_the_work(tiny_run: Path, tones: Path) -> None:
    with pytest.raises(BadConfigError, match=r"\.png"):
        evaluate(tiny_run, tones, plot="confusion.docx")


def test_speakers_of_the_training_split_are_seen(tiny_run: Path, tones: Path, audio_cache: Path) -> None:
    table = evaluate(tiny_run, tones, select="speaker=s4..s6", cache=audio_cache).cross("speaker")
    assert table is not None and dict(zip(table.groups, table.seen or (), strict=True)) == {
        "s4": True,
        "s5": False,
        "s6": False,
    }
    chosen = evaluate(tiny_run, tones, select="speaker=s4..s6", trained_on="speaker=s6", cache=audio_cache)
    table = chosen.cross("speaker")
    assert table is not None and table.seen == (False, False, True)


def test_a_run_and_its_int8_form_side_by_side(
    tiny_run: Path, int8_model: Path, tones: Path, audio_cache: Path, tmp_path: Path
) -> None:
    result = evaluate_models([], tones, compare=[(tiny_run, int8_model)], costs=True, cache=audio_cache)
    report = result.to_json()
    jsonschema.Draft202012Validator(json_schema("eval")).validate(report)
    assert [row["arithmetic"] for row in report["results"]] == ["float32", "int8"]
    a, b = result.evaluations
    assert report["comparisons"][0]["accuracy"]["clip"]["value"] == pytest.approx(b.right.mean() - a.right.mean())
    (tmp_path / "eval.json").write_text(json.dumps(report))
    ranked = {row.submission.name: row for row in rank_submissions(tmp_path / "eval.json")}
    assert ranked[b.model].by_memory == 1 < ranked[a.model].by_memory  # a byte a weight instead of four
    assert ranked[a.model].submission.accuracy == a.scores.macro_accuracy


def test_one_model_a_prediction_file(tiny_run: Path, int8_model: Path, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match="of one model"):
        evaluate_models([tiny_run, int8_model], tones, predictions=tmp_path / "p.csv")
    with pytest.raises(BadConfigError, match="no model"):
        evaluate_models([], tones)


def test_an_evaluation_without_costs_cannot_be_ranked(tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text(json.dumps({"schema_version": 1, "results": [], "submissions": []}))
    with pytest.raises(BadConfigError, match="--costs"):
        rank_submissions(tmp_path / "eval.json")


def test_an_output_that_is_no_number_names_the_clip(
    tiny_run: Path, tones: Path, audio_cache: Path, tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(tiny_run)
    weights = {name: tensor.clone() for name, tensor in checkpoint.weights.items()}
    last = next(name for name in reversed(weights) if weights[name].is_floating_point())
    weights[last][...] = float("nan")
    save_checkpoint(dataclasses.replace(checkpoint, weights=weights), tmp_path / "checkpoint.safetensors")
    with pytest.raises(BadFileError, match=r"not finite for 18 of 18 clips, the first .*wav"):
        evaluate(tmp_path, tones, cache=audio_cache)


def test_a_selection_without_clips(tiny_run: Path, tones: Path) -> None:
    with pytest.raises(DataError, match="selects no clip"):
        evaluate(tiny_run, tones, select="speaker=nobody")


def test_an_ensemble_of_one_run_twice_answers_as_the_run(
    tiny_run: Path, tones: Path, audio_cache: Path, tmp_path: Path
) -> None:
    single = load_checkpoint(tiny_run)
    arguments = {name: value for name, value in single.arguments.items() if name != "classes"}
    members = [{"model": single.model, "arguments": arguments}] * 2
    weights = {f"members.{n}.{name}": tensor.clone() for n in (0, 1) for name, tensor in single.weights.items()}
    both = {"classes": len(single.labels), "members": members}
    made = dataclasses.replace(single, model="ensemble", arguments=both, weights=weights)
    save_checkpoint(made, tmp_path / "checkpoint.safetensors")
    found, expected = evaluate(tmp_path, tones, cache=audio_cache), evaluate(tiny_run, tones, cache=audio_cache)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)


def test_an_integer_model_is_evaluated_without_torch(int8_model: Path, tones: Path, audio_cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edgekit.api.evaluate import evaluate_models\n"
        "model, data, cache = sys.argv[1:]\n"
        "evaluate_models([model], data, costs=True, cache=Path(cache)).to_json()\n"
        "print([name for name in ('torch', 'onnxruntime', 'tensorflow', 'matplotlib') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(int8_model), str(tones), str(audio_cache)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
