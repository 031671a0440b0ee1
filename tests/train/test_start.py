"""Fine-tuning: weights of an earlier run fitted to other labels, grids and schedules."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Manifest
from edgekit.features.spec import FrontendSpec
from edgekit.models.registry import build_model
from edgekit.train.anatomy import depths, head_tensors
from edgekit.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edgekit.train.optimiser import make_optimiser
from edgekit.train.recipe import Recipe
from edgekit.train.recipe_file import load_recipe, recipe_from
from edgekit.train.start import start_from

SPEC = FrontendSpec(
    kind="logmel",
    sample_rate=8000,
    clip_samples=8000,
    window_length=256,
    n_fft=256,
    hop_length=160,
    mel_bins=20,
    f_max=4000.0,
    log_floor=1e-5,
)
VIT = {"input_shape": [20, 24], "patch": 4, "stride": 4, "layers": 2, "width": 8, "heads": 2}


def _checkpoint(name: str, labels: tuple[str, ...], spec: FrontendSpec = SPEC, **arguments: object) -> Checkpoint:
    torch.manual_seed(sum(map(ord, name + "".join(labels))))
    whole = {**arguments, "classes": len(labels)}
    model = build_model(name, **whole)
    return Checkpoint(name, whole, spec, labels, {k: v.detach().clone() for k, v in model.state_dict().items()})


def _start(source: Checkpoint, target: Checkpoint, folder: Path, **choice: object) -> tuple[dict, torch.nn.Module]:
    """What starting ``target`` from ``source`` reports, and the model."""
    save_checkpoint(source, folder / "checkpoint.safetensors")
    recipe = recipe_from({"name": "r", "start": {"weights": str(folder), **choice}})
    model = build_model(target.model, **target.arguments)
    model.load_state_dict(dict(target.weights))
    return start_from(model, target, recipe.start, estimated=True).to_json(), model


def test_outputs_follow_their_labels_by_name(tmp_path: Path) -> None:
    source = _checkpoint("cp-mobile", ("a", "b", "c"), base_channels=8)
    target = _checkpoint("cp-mobile", ("c", "new", "a", "other"), base_channels=8)
    report, model = _start(source, target, tmp_path)
    assert (report["labels_kept"], report["labels_new"]) == (["c", "a"], ["new", "other"])
    assert report["family"] == "edgekit" and not report["fresh"] and not report["resized"]
    weights = model.state_dict()
    assert torch.equal(weights["stem.0.0.weight"], source.weights["stem.0.0.weight"])
    for name in ("head.0.weight", "head.1.weight", "head.1.running_var"):  # the outputs' batch norm comes with them
        assert torch.equal(weights[name][0], source.weights[name][2])
        assert torch.equal(weights[name][2], source.weights[name][0])
        assert torch.equal(weights[name][[1, 3]], target.weights[name][[1, 3]])


def test_equal_labels_give_the_same_model(tmp_path: Path) -> None:
    source = _checkpoint("bc-resnet", ("a", "b"), tau=1)
    target = _checkpoint("bc-resnet", ("b", "a"), tau=1)
    _, model = _start(source, target, tmp_path)
    x = torch.randn(2, 1, 40, 51)
    assert torch.allclose(model.eval()(x), source.build()(x)[:, [1, 0]], atol=1e-6)


def test_a_new_head_is_new(tmp_path: Path) -> None:
    source, target = _checkpoint("ds-cnn", ("a", "b")), _checkpoint("ds-cnn", ("b", "a"))
    report, model = _start(source, target, tmp_path, head="new")
    assert report["labels_new"] == ["b", "a"] and report["labels_kept"] == []
    assert torch.equal(model.state_dict()["dense.weight"], target.weights["dense.weight"])
    assert torch.equal(model.state_dict()["stem.0.weight"], source.weights["stem.0.weight"])


@pytest.mark.parametrize("layout", ["vit", "passt", "ast"])
def test_positional_codes_of_a_large_vit_are_fitted_to_another_grid(tmp_path: Path, layout: str) -> None:
    source = _checkpoint("large-vit", ("a", "b"), layout=layout, **VIT)
    target = _checkpoint("large-vit", ("a", "b"), layout=layout, **{**VIT, "input_shape": [20, 12]})
    report, model = _start(source, target, tmp_path)
    assert report["resized"] and model(torch.zeros(1, 1, 20, 12)).shape == (1, 2)
    weights = model.state_dict()
    if layout == "passt":  # 6 time columns are cut to the 3 in their middle (6 - 3) // 2 = 1 on
        assert torch.equal(weights["time_new_pos_embed"], source.weights["time_new_pos_embed"][..., 1:4])
    else:
        tokens = 1 if layout == "vit" else 2
        theirs = source.weights["pos_embed"][:, tokens:].reshape(5, 6, 8)[:, 1:4]
        assert torch.equal(weights["pos_embed"][0, tokens:].reshape(5, 3, 8), theirs)
        assert torch.equal(weights["pos_embed"][:, :tokens], source.weights["pos_embed"][:, :tokens])


def test_positional_codes_of_a_small_vit(tmp_path: Path) -> None:
    learned = {**VIT, "positions": "learned"}
    wide = {**learned, "input_shape": [20, 48]}
    source, target = _checkpoint("small-vit", ("a",), **learned), _checkpoint("small-vit", ("a",), **wide)
    report, model = _start(source, target, tmp_path, time_codes="interpolate")
    assert report["resized"] == ["pos_embed"]
    grid = source.weights["pos_embed"].transpose(1, 2).reshape(1, 8, 5, 6)
    expected = torch.nn.functional.interpolate(grid, size=(5, 12), mode="bicubic", align_corners=False)
    assert torch.allclose(model.state_dict()["pos_embed"], expected.flatten(2).transpose(1, 2))
    # a distillation token that the weights lack begins anew; sines are the model's own
    sines = _checkpoint("small-vit", ("a",), **{**wide, "positions": "sine", "distillation": True})
    report, model = _start(source, sines, tmp_path)
    assert report["fresh"] == ["dist_token", "head_dist.weight", "head_dist.bias"]
    assert torch.equal(model.state_dict()["pos_embed"], sines.weights["pos_embed"])


def test_another_frontend_is_refused_unless_told(tmp_path: Path) -> None:
    source = _checkpoint("ds-cnn", ("a",), SPEC.replace(hop_length=200, f_max=3500.0, mean=-3.0))
    target = _checkpoint("ds-cnn", ("a",))
    with pytest.raises(
        DigestMismatchError, match=r"hop_length 200 instead of 160, f_max 3500\.0 instead of 4000\.0.*start\.frontend="
    ):
        _start(source, target, tmp_path)
    _, model = _start(source, target, tmp_path, frontend="any")
    assert torch.equal(model.state_dict()["stem.0.weight"], source.weights["stem.0.weight"])


def test_mean_and_deviation_may_differ_only_where_the_run_estimates_its_own(tmp_path: Path) -> None:
    source, target = _checkpoint("ds-cnn", ("a",), SPEC.replace(mean=-3.0, std=2.0)), _checkpoint("ds-cnn", ("a",))
    save_checkpoint(source, tmp_path / "checkpoint.safetensors")
    recipe = recipe_from({"name": "r", "start": {"weights": str(tmp_path)}})
    model = build_model(target.model, **target.arguments)
    assert start_from(model, target, recipe.start, estimated=True).labels_kept == ("a",)
    with pytest.raises(DigestMismatchError, match=r"mean -3\.0 instead of 0\.0, std 2\.0 instead of 1\.0"):
        start_from(model, target, recipe.start, estimated=False)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ds-cnn", {"channels": 48}, r"stem\.0\.weight is \(64, 1, 10, 4\) in the weights and \(48, 1, 10, 4\)"),
        ("ds-cnn", {"blocks": 3}, r"is \(\d+, .*in the weights and missing in the model"),
        ("bc-resnet", {"tau": 1}, "in the weights and .* in the model"),
    ],
)
def test_weights_of_another_model_are_refused(tmp_path: Path, name: str, arguments: dict, message: str) -> None:
    with pytest.raises(BadFileError, match=message):
        _start(_checkpoint("ds-cnn", ("a",)), _checkpoint(name, ("a",), **arguments), tmp_path)


def test_a_public_checkpoint_gives_everything_but_the_outputs(tmp_path: Path) -> None:
    """PaSST's names; as many classes as ours, which are still other classes."""
    public = _checkpoint("large-vit", ("x", "y"), layout="passt", **VIT)
    file = tmp_path / "passt.safetensors"
    save_file({f"net.{name}": value for name, value in public.weights.items()}, file)
    target = _checkpoint("large-vit", ("a", "b"), layout="passt", **VIT)
    model = build_model("large-vit", **target.arguments)
    model.load_state_dict(dict(target.weights))
    recipe = recipe_from({"name": "r", "start": {"weights": str(file)}})
    report = start_from(model, target, recipe.start, estimated=True)
    assert (report.family, report.labels_new) == ("PaSST", ("a", "b"))
    weights = model.state_dict()
    assert torch.equal(weights["head.1.weight"], target.weights["head.1.weight"])
    assert torch.equal(weights["head.0.weight"], public.weights["head.0.weight"])
    assert torch.equal(weights["blocks.1.mlp.fc1.weight"], public.weights["blocks.1.mlp.fc1.weight"])
    cnn = _checkpoint("ds-cnn", ("a", "b"))
    with pytest.raises(BadConfigError, match="no public checkpoint fits a DsCnn"):
        start_from(build_model("ds-cnn", **cnn.arguments), cnn, recipe.start, estimated=True)


@pytest.mark.parametrize("name", ["ds-cnn", "cp-mobile", "bc-resnet-1", "tf-sepnet", "tiny-ast", "mobile-vit", "mn04"])
def test_the_head_is_what_the_classes_size_and_blocks_have_an_order(name: str) -> None:
    heads = head_tensors(name, {"classes": 7})
    with torch.device("meta"):
        model = build_model(name, classes=7)
    parameters = dict(model.named_parameters())
    assert heads and all(model.state_dict()[key].shape[axis] == 7 for key, axis in heads.items())
    order = depths(model, name)
    found = [order.of(key) for key in parameters]
    assert set(found) <= set(range(order.blocks + 2)) and {1, order.blocks} <= set(found)
    last = [order.of(key) for key in heads if key in parameters]
    assert set(last) == {order.blocks + 1}
    assert last[0] == max(found)


def _recipe(**tables: object) -> Recipe:
    return recipe_from({"name": "r", "model": {"name": "small-vit", "arguments": VIT}, **tables})


def test_layers_learn_the_slower_the_deeper_they_lie() -> None:
    model = build_model("small-vit", classes=3, **VIT)
    recipe = _recipe(start={"layer_decay": 0.5}, optimiser={"learning_rate": 0.08, "weight_decay": 0.1})
    rates = {
        id(p): (group["lr"], group["weight_decay"])
        for group in make_optimiser(model, recipe).param_groups
        for p in group["params"]
    }
    named = {name: rates[id(p)] for name, p in model.named_parameters()}
    assert len(named) == len(list(model.parameters()))
    assert named["patch_embed.proj.weight"] == (0.01, 0.1) and named["cls_token"][0] == 0.01
    assert named["blocks.0.attn.qkv.weight"][0] == 0.02 and named["blocks.1.mlp.fc2.bias"] == (0.04, 0.0)
    assert named["head.weight"] == (0.08, 0.1) and named["norm.weight"] == (0.08, 0.0)


def test_only_the_head_learns_then_all_but_the_first_blocks(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    settings = ["schedule.keep=last", "schedule.ema_decay=0", "start.head_epochs=1", "start.freeze_blocks=1"]

    def run(epochs: int) -> dict[str, torch.Tensor]:
        folder = tmp_path / str(epochs)
        overrides = [*settings, f"schedule.epochs={epochs}"]
        train(tiny_recipe, tones, folder, overrides=overrides, start=tiny_run, device="cpu", cache=audio_cache)
        return dict(load_checkpoint(folder).weights)

    before = load_checkpoint(tiny_run).weights
    one, two = run(1), run(2)
    moved = {name for name in before if not torch.equal(before[name], one[name])}
    assert moved == {"dense.weight", "dense.bias"}  # batch statistics rest too
    moved = {name for name in before if not torch.equal(before[name], two[name])}
    assert any(name.startswith("blocks.1.") for name in moved) and "blocks.1.0.1.running_mean" in moved
    assert not any(name.startswith(("stem.", "blocks.0.")) for name in moved)


def test_fine_tuning_starts_where_the_weights_stood_and_goes_on_after_a_stop(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    def run(name: str, **more: object) -> Path:
        overrides = ["schedule.epochs=3", "schedule.keep=last", "frontend.normalise=start", "start.layer_decay=0.7"]
        folder = tmp_path / name
        train(tiny_recipe, tones, folder, overrides=overrides, device="cpu", cache=audio_cache, **more)
        return folder

    whole = run("whole", start=tiny_run)
    assert load_checkpoint(whole).frontend == load_checkpoint(tiny_run).frontend
    rows = list(csv.DictReader((whole / "history.csv").open()))
    assert float(rows[0]["valid_accuracy"]) >= 0.8  # from scratch the first of three epochs is near 1/3
    assert float(rows[0]["learning_rate"]) > 1e-3  # that of the head, not of the stem

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "training" and done == 11:  # in the third epoch of five steps each
            raise KeyboardInterrupt

    moved = tmp_path / "elsewhere"
    moved.symlink_to(tiny_run)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", start=tiny_run, progress=interrupt)
    resumed = run("stopped", start=moved)  # the same weights at another place
    a, b = load_checkpoint(whole).weights, load_checkpoint(resumed).weights
    assert all(torch.equal(a[name], b[name]) for name in a)
    with pytest.raises(BadConfigError, match="another start"):
        run("stopped", start=whole)


@pytest.fixture
def two_labels(tones: Path) -> Manifest:
    two = read_manifest(tones).where(lambda clip: clip.label != "hiss")
    return dataclasses.replace(two, labels=("beeps", "tone"))


def test_command_line_reports_what_was_taken_over(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    audio_cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(audio_cache))
    command = ["train", str(tiny_recipe), "--data", str(tones), "--device", "cpu", "--set", "schedule.epochs=1"]
    assert main([*command, "--start", str(tiny_run), "-o", str(tmp_path / "a")]) == 0
    assert "3 of 3 outputs taken over" in capsys.readouterr().out
    assert json.loads((tmp_path / "a" / "start.json").read_text())["labels_kept"] == ["beeps", "hiss", "tone"]
    refused = {
        ("--start", str(tmp_path / "nothing")): "no weights to start from",
        ("--start", str(tiny_run), "--set", "frontend.fields.mel_bins=24"): "mel_bins 20 instead of 24",
        ("--set", "start.head_epochs=2"): "name start.weights",
        ("--set", "frontend.normalise=start"): "no start to take mean and std from",
    }
    for options, message in refused.items():
        assert main([*command, *options, "-o", str(tmp_path / "b")]) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.strip().splitlines()) == 1
        assert not (tmp_path / "b" / "checkpoint.safetensors").exists()


def test_a_run_on_fewer_labels_keeps_their_outputs(
    tmp_path: Path, two_labels: Manifest, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    overrides = ["schedule.epochs=1", "optimiser.learning_rate=1e-8"]
    result = train(
        tiny_recipe,
        two_labels,
        tmp_path / "r",
        overrides=overrides,
        start=tiny_run,
        device="cpu",
        cache=audio_cache,
    )
    assert result.started is not None and result.started["labels_kept"] == ["beeps", "tone"]
    assert result.validation is not None and result.validation["accuracy"] >= 0.8


def test_recipes_without_a_start_keep_their_identity(tiny_recipe: Path) -> None:
    plain = load_recipe(tiny_recipe).to_json()
    assert "start" not in plain and "warmup" not in plain["schedule"] and "precision" not in plain["schedule"]


@pytest.mark.slow
def test_two_processes_fine_tune_one_run_with_layers_at_rest(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    settings = ["schedule.epochs=2", "schedule.keep=last", "schedule.ema_decay=0", "start.head_epochs=1"]
    settings += ["start.freeze_blocks=1", "start.layer_decay=0.8"]
    options = [part for setting in settings for part in ("--set", setting)]
    command = ["train", str(tiny_recipe), "--data", str(tones), "--start", str(tiny_run), "--device", "cpu", *options]
    finished = subprocess.run(
        [sys.executable, "-m", "edgekit", *command, "--devices", "2", "-o", str(tmp_path / "r")],
        env={**os.environ, "EDGEKIT_CACHE": str(audio_cache), "CI": "1", "OMP_NUM_THREADS": "1"},
        timeout=240,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    before, after = load_checkpoint(tiny_run).weights, load_checkpoint(tmp_path / "r").weights
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "dense.weight" in moved and any(name.startswith("blocks.1.") for name in moved)
    assert not any(name.startswith(("stem.", "blocks.0.")) for name in moved)
