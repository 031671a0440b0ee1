"""The page of an evaluation: a tiny convolutional run, a tiny transformer and its exported file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from edgekit.api.evaluate import evaluate, evaluate_models
from edgekit.api.evaluation_clips import worst_clips
from edgekit.api.export import export
from edgekit.api.train import train
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import load_checkpoint, save_checkpoint

RECIPE = """
[frontend]
preset = "kws-logmel-40"
fields = {sample_rate = 8000, clip_samples = 4000, window_length = 256, n_fft = 256, padding = "none", f_max = 4000}
[model]
name = "small-vit"
[model.arguments]
input_shape = [40, 24]
patch = [8, 8]
stride = [8, 4]
layers = 1
width = 12
heads = 3
[schedule]
epochs = 1
batch_size = 8
"""


@pytest.fixture(scope="module")
def noises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV manifest of 24 noises: two classes that sound alike, four speakers, no training split."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("noises")
    draw = np.random.default_rng(0)
    lines = ["path,label,speaker"]
    for number in range(24):
        soundfile.write(folder / f"{number}.wav", draw.normal(0, 0.1, 4000), 8000)
        lines.append(f"{number}.wav,{'<b>' if number % 2 else 'a$'},s{number % 4}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def transformer(noises: Path) -> Path:
    recipe = noises.with_name("recipe.toml")
    recipe.write_text(RECIPE)
    train(recipe, noises, noises.parent / "vit", train_select="all", device="cpu", cache=noises.parent / "cache")
    return noises.parent / "vit"


@pytest.fixture(scope="module")
def exported(noises: Path) -> Path:
    """A convolutional model on the same features, as a file."""
    recipe = noises.with_name("cnn.toml")
    recipe.write_text(RECIPE.partition("[model]")[0] + "[schedule]\nepochs = 1\n[model.arguments]\nchannels = [8, 8]\n")
    train(recipe, noises, noises.parent / "cnn", train_select="all", device="cpu", cache=noises.parent / "cache")
    return export(noises.parent / "cnn", noises.parent / "exported").model


def test_a_page_shows_every_part_of_a_run_and_what_a_file_lacks(
    transformer: Path, exported: Path, noises: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    pair = (transformer, exported)
    evaluate_models(pair, noises, compare=[pair], page=tmp_path / "page.html", cache=noises.parent / "cache")
    page = (tmp_path / "page.html").read_text()
    for title in ("scores", "groups", "training", "most confident errors", "embedding", "first filters", "attention"):
        assert f">vit: {title}</h2>" in page
    assert ">Comparison</h2>" in page and "McNemar" in page
    assert "drawn of runs" in page and ">model.onnx: attention</h2>" not in page
    assert page.count("Attention on ") == 3 and "head 3" in page and "rollout" in page
    assert "<b>" not in page and "&lt;b&gt;" in page and page.count("<script") == 1


def test_patchout_of_a_teacher_is_shown_as_holes(noises: Path, transformer: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    student = load_checkpoint(transformer)
    sizes = {"input_shape": [40, 24], "patch": 8, "stride": 8, "layers": 2, "width": 12, "heads": 3}
    arguments = {**sizes, "layout": "passt", "patchout_rows": 2, "classes": 2}
    torch.manual_seed(0)
    weights = build_model("large-vit", **arguments).state_dict()
    teacher = replace(student, model="large-vit", arguments=arguments, weights=weights)
    save_checkpoint(teacher, tmp_path / "teacher.safetensors")
    evaluate_models(
        [tmp_path / "teacher.safetensors"], noises, page=tmp_path / "page.html", cache=noises.parent / "cache"
    )
    page = (tmp_path / "page.html").read_text()
    assert page.count("patchout as in training.") == 3 and "Black patches were dropped" in page
    assert ">teacher.safetensors: training</h2>" not in page


def test_an_ensemble_refers_to_its_members(noises: Path, transformer: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    single = load_checkpoint(transformer)
    member = {"model": "small-vit", "arguments": {k: v for k, v in single.arguments.items() if k != "classes"}}
    weights = {f"members.0.{name}": tensor for name, tensor in single.weights.items()}
    made = replace(single, model="ensemble", arguments={"classes": 2, "members": [member]}, weights=weights)
    save_checkpoint(made, tmp_path / "all.safetensors")
    evaluate_models([tmp_path / "all.safetensors"], noises, page=tmp_path / "page.html", cache=noises.parent / "cache")
    page = (tmp_path / "page.html").read_text()
    assert "evaluate its members" in page and ": embedding</h2>" not in page


def test_the_worst_clips_are_the_wrong_ones_by_confidence(transformer: Path, noises: Path) -> None:
    result = evaluate(transformer, noises, cache=noises.parent / "cache")
    found = worst_clips(result, 4)
    wrong = [i for i in range(24) if result.probabilities[i].argmax() != result.targets[i]]
    expected = sorted(wrong, key=lambda i: -result.probabilities[i].max())[:4]
    assert found.tolist() == expected and len(expected) > 0
