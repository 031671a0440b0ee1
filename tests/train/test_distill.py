"""Whole runs under teachers, online and from stored logits."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekit.api.distill import distill
from edgekit.api.logits import store_logits
from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, BadFileError, DataError, DigestMismatchError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Manifest
from edgekit.features.reference import features as reference
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import load_checkpoint, save_checkpoint
from edgekit.train.dataset import ClipBatches, Step
from edgekit.train.distillation.module import DistilledModule
from edgekit.train.distillation.store import read_identity, read_shard, shard_path
from edgekit.train.distillation.stored import read_stored
from edgekit.train.distillation.teacher import OnlineTeachers, open_teacher
from edgekit.train.recipe import Recipe
from edgekit.train.recipe_file import load_recipe, recipe_from, recipe_names, to_toml

LABELS = ("beeps", "hiss", "tone")
PATCHES = "{input_shape=[20,24],patch=4,stride=4,layers=2,width=8,heads=2}"


@pytest.fixture(scope="module")
def other_teacher(tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, audio_cache: Path) -> Path:
    """A run with another front-end: 16 mel bins, another hop."""
    folder = tmp_path_factory.mktemp("run") / "other"
    fields = ["frontend.fields.mel_bins=16", "frontend.fields.hop_length=200", "schedule.epochs=4"]
    train(tiny_recipe, tones, folder, overrides=fields, device="cpu", cache=audio_cache)
    return folder


@pytest.fixture(scope="module")
def training_clips(tones: Path, audio_cache: Path) -> AudioCache:
    return AudioCache(read_manifest(tones).select(split="train"), 8000, audio_cache)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(folder).weights)


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def _by_reference(run: Path, pcm: np.ndarray) -> np.ndarray:
    """A teacher's logits by the numpy front-end, one clip at a time."""
    checkpoint = load_checkpoint(run)
    x = torch.from_numpy(reference(checkpoint.frontend, pcm)[None, None].astype(np.float32))
    out: np.ndarray = checkpoint.build()(x)[0].detach().numpy()
    return out


def test_a_student_learns_from_a_teacher_alone(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    """With λ = 1 the labels do not count: what is learnt comes from the teacher."""
    settings = ["schedule.epochs=25", "distillation.logits=hinton", "distillation.weight=1"]
    result = distill(
        tiny_recipe, [tiny_run], tones, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache
    )
    assert result.validation is not None and result.validation["accuracy"] >= 0.8
    recipe = load_checkpoint(tmp_path / "r").recipe
    assert recipe["distillation"]["weight"] == 1.0


def test_a_recipe_without_the_table_gets_hintons_loss(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, other_teacher: Path, audio_cache: Path
) -> None:
    def run(name: str, *teachers: Path) -> dict[str, torch.Tensor]:
        settings = ["schedule.epochs=2", "schedule.keep=last"]
        distill(tiny_recipe, teachers, tones, tmp_path / name, overrides=settings, device="cpu", cache=audio_cache)
        return _weights(tmp_path / name)

    one, again, two = run("one", tiny_run), run("again", tiny_run), run("two", tiny_run, other_teacher)
    assert _same(one, again) and not _same(one, two)
    assert load_checkpoint(tmp_path / "one").recipe["distillation"]["logits"] == "hinton"
    with pytest.raises(BadConfigError, match="another teachers"):
        run("one", other_teacher)


def test_logits_are_the_teachers_and_ensembles_their_mean(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    other_teacher: Path,
    training_clips: AudioCache,
    audio_cache: Path,
) -> None:
    store = tmp_path / "logits"
    result = store_logits(tiny_recipe, [tiny_run, other_teacher], tones, store, device="cpu", cache=audio_cache)
    assert (result.computed, result.found) == (45, 0)
    stored = read_stored([store], training_clips, LABELS)
    assert stored.logits.shape == (45, 1, 3)
    for index in (0, 17, 44):
        pcm = training_clips.clip(index)
        expected = (_by_reference(tiny_run, pcm) + _by_reference(other_teacher, pcm)) / 2
        assert np.allclose(stored.logits[index, 0], expected, atol=2e-3)
    separate = [tmp_path / "a", tmp_path / "b"]
    for folder, teacher in zip(separate, (tiny_run, other_teacher), strict=True):
        store_logits(tiny_recipe, [teacher], tones, folder, device="cpu", cache=audio_cache)
    assert np.allclose(read_stored(separate, training_clips, LABELS).logits, stored.logits, atol=1e-5)


def _shifted(pcm: np.ndarray, offset: int, speed: float, gain_db: float, samples: int) -> np.ndarray:
    """A view by the plain formula, float64."""
    out = np.zeros(samples)
    for n in range(samples):
        place = n * speed + offset
        left = int(np.floor(place))
        values = [float(pcm[k]) if 0 <= k < len(pcm) else 0.0 for k in (left, left + 1)]
        out[n] = values[0] + (place - left) * (values[1] - values[0])
    return np.clip(out / 32768.0 * 10 ** (gain_db / 20), -1.0, 1.0 - 2.0**-15)


def test_views_are_what_their_parameters_say_and_the_student_hears_them(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, training_clips: AudioCache, audio_cache: Path
) -> None:
    store = tmp_path / "logits"
    store_logits(tiny_recipe, [tiny_run], tones, store, views=3, device="cpu", cache=audio_cache)
    stored = read_stored([store], training_clips, LABELS)
    assert stored.views.shape == (45, 4, 3) and (stored.views[:, 0] == (0, 1, 0)).all()
    drawn = stored.views[:, 1:]
    assert np.abs(drawn[..., 0]).max() <= 160 and np.abs(drawn[..., 2]).max() <= 6  # 20 ms, 6 dB
    assert drawn[..., 1].max() <= 1.05 and drawn[..., 1].min() >= 1 / 1.05 and len(np.unique(drawn[..., 1])) == 135
    for view in (0, 2):
        wave = _shifted(training_clips.clip(7), int(stored.views[7, view, 0]), *stored.views[7, view, 1:], 4000)  # type: ignore[misc]
        checkpoint = load_checkpoint(tiny_run)
        x = torch.from_numpy(reference(checkpoint.frontend, wave)[None, None].astype(np.float32))
        assert np.allclose(stored.logits[7, view], checkpoint.build()(x)[0].numpy(), atol=5e-3)

    module = _module(tiny_recipe, training_clips, stored, ["augment.noise_probability=0"])
    batch = module.batch(Step(0, 0, 0))
    assert batch.views is not None and len(set(batch.views.tolist())) > 1
    for row in range(3):
        clip, view = int(batch.indices[row]), int(batch.views[row])
        numbers = stored.views[clip, view]
        wave = _shifted(training_clips.clip(clip), int(numbers[0]), float(numbers[1]), float(numbers[2]), 4000)
        assert np.allclose(batch.waveforms[row].numpy(), wave, atol=2e-4)


def _module(recipe: Path, clips: AudioCache, teaching: object, settings: list[str]) -> DistilledModule:
    chosen: Recipe = load_recipe(recipe, ["distillation.logits=hinton", *settings])
    spec = chosen.frontend.spec()
    torch.manual_seed(0)
    model = build_model(chosen.model.name, classes=3, **chosen.model.arguments)
    batches = ClipBatches(clips, LABELS, spec.clip_samples, chosen)
    return DistilledModule(model, TorchFrontend(spec), batches, None, chosen, LABELS, teaching)  # type: ignore[arg-type]


def test_mixed_clips_get_mixed_targets(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, training_clips: AudioCache, audio_cache: Path
) -> None:
    """The whole loss of one step against numpy: label smoothing off, mixup on, stored logits."""
    store = tmp_path / "logits"
    store_logits(tiny_recipe, [tiny_run], tones, store, device="cpu", cache=audio_cache)
    stored = read_stored([store], training_clips, LABELS)
    settings = ["augment.mixup_probability=1", "schedule.label_smoothing=0", "distillation.weight=0.7"]
    settings += ["distillation.temperature=3", "distillation.reduction=mean"]
    module = _module(tiny_recipe, training_clips, stored, settings)
    batch = module.batch(Step(0, 0, 0))
    module.model.eval()
    loss = float(module.loss(batch).detach())

    def softmax(z: np.ndarray) -> np.ndarray:
        powers = np.exp(z - z.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]

    assert batch.pairing is not None
    weight, partner = batch.pairing.weight.double().numpy()[:, None], batch.pairing.partner.numpy()
    said = softmax(stored.logits[batch.indices, 0].astype(np.float64) / 3)
    teacher = weight * said + (1 - weight) * said[partner]
    hot = np.eye(3)[module.clips.targets[batch.indices]]
    labels = weight * hot + (1 - weight) * hot[partner]
    z = module.model(batch.features).detach().double().numpy()
    kl = (teacher * (np.log(teacher) - np.log(softmax(z / 3)))).sum() / teacher.size
    expected = 0.3 * -(labels * np.log(softmax(z))).sum(axis=1).mean() + 0.7 * 9 * kl
    assert loss == pytest.approx(expected, rel=1e-4)


def test_an_online_teacher_hears_what_the_student_hears(
    tiny_recipe: Path, tiny_run: Path, other_teacher: Path, training_clips: AudioCache
) -> None:
    teachers = tuple(open_teacher(path, LABELS, 8000) for path in (tiny_run, other_teacher))
    module = _module(tiny_recipe, training_clips, teachers, ["augment.mixup_probability=1"])
    batch = module.batch(Step(0, 0, 1))
    online = OnlineTeachers(teachers, module.frontend.spec)
    # the same front-end with another mean and deviation: the student's features, masks and all, to the teacher's scale
    raw = batch.features * module.frontend.spec.std + module.frontend.spec.mean
    own = load_checkpoint(tiny_run).frontend
    assert torch.allclose(online.features(batch, 0), (raw - own.mean) / own.std, atol=1e-4)
    # another front-end: its own features of the same waveforms, mixed in the same pairs
    spec = load_checkpoint(other_teacher).frontend
    clean = np.stack([reference(spec, wave) for wave in batch.waveforms.double().numpy()])
    assert batch.pairing is not None
    weight, partner = batch.pairing.weight.numpy()[:, None, None], batch.pairing.partner.numpy()
    expected = weight * clean + (1 - weight) * clean[partner]
    assert np.allclose(online.features(batch, 1)[:, 0].numpy(), expected, atol=5e-3)
    means = torch.stack([teachers[i].logits(online.features(batch, i)) for i in range(2)]).mean(0)
    assert torch.allclose(online.logits(batch), means)


def test_labels_are_matched_by_name(tmp_path: Path, tiny_run: Path) -> None:
    """A teacher whose outputs are in another order says the same."""
    checkpoint = load_checkpoint(tiny_run)
    turned = dataclasses.replace(checkpoint, labels=("tone", "beeps", "hiss"))
    order = [2, 0, 1]  # rows of the head that make that order
    weights = dict(checkpoint.weights)
    head = [name for name, value in weights.items() if value.dim() and len(value) == 3 and "running" not in name]
    for name in head:
        weights[name] = weights[name][order]
    save_checkpoint(dataclasses.replace(turned, weights=weights), tmp_path / "t.safetensors")
    a, b = open_teacher(tiny_run, LABELS, 8000), open_teacher(tmp_path / "t.safetensors", LABELS, 8000)
    x = torch.randn(4, 1, *checkpoint.frontend.input_shape[1:3])
    assert head and torch.allclose(a.logits(x), b.logits(x), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        (["distillation.logits=deit-soft"], "distillation=true"),
        (["distillation.logits=deit-hard", "distillation.weight=0.5"], "distillation=true"),
        (["distillation.logits=hinton", "distillation.features=vitkd"], "distillation=false"),
        (["distillation.logits=none", "distillation.features=vitkd"], "distillation=true"),
        (["distillation.logits=deit-soft", "distillation.synchronise_patchout=true"], "distillation=true"),
        (
            [
                "distillation.features=projection",
                "distillation.student_layer=blocks.1",
                "distillation.teacher_layer=blocks.0",
            ],
            "distillation=false",
        ),
    ],
)
def test_transformers_under_a_transformer(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    patch_teacher: Path,
    audio_cache: Path,
    settings: list[str],
    arguments: str,
) -> None:
    student = f"model.arguments={PATCHES[:-1]},{arguments}}}"
    overrides = ["schedule.epochs=2", "model.name=small-vit", student, *settings]
    result = distill(
        tiny_recipe, [patch_teacher], tones, tmp_path / "r", overrides=overrides, device="cpu", cache=audio_cache
    )
    rows = list(csv.DictReader((tmp_path / "r" / "history.csv").open()))
    assert len(rows) == 2 and float(rows[1]["train_loss"]) < float(rows[0]["train_loss"]) * 1.2
    names = set(_weights(result.folder))
    built = build_model("small-vit", **load_checkpoint(result.folder).arguments)
    assert names == set(built.state_dict())  # neither the teacher's nor the hints' weights are kept


@pytest.fixture(scope="module")
def patch_teacher(tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, audio_cache: Path) -> Path:
    """A transformer that drops two of its five rows of patches in training."""
    folder = tmp_path_factory.mktemp("run") / "patches"
    arguments = f'model.arguments={PATCHES.replace("width=8", "width=12")[:-1]},layout="passt",patchout_rows=2}}'
    settings = ["schedule.epochs=3", "model.name=large-vit", arguments]
    train(tiny_recipe, tones, folder, overrides=settings, device="cpu", cache=audio_cache)
    return folder


def test_hints_are_trained(tiny_recipe: Path, tiny_run: Path, training_clips: AudioCache) -> None:
    teacher = open_teacher(tiny_run, LABELS, 8000)
    first = next(name for name, _ in teacher.model.named_children())
    layers = [f"distillation.student_layer={first}", f"distillation.teacher_layer={first}"]
    module = _module(tiny_recipe, training_clips, (teacher,), ["distillation.features=projection", *layers])
    optimiser = module.configure_optimizers()["optimizer"]
    moved = {id(p) for group in optimiser.param_groups for p in group["params"]}
    assert module.hints is not None and all(id(p) in moved for p in module.hints.parameters())
    assert not any(id(p) in moved for p in teacher.model.parameters())
    assert not any("teacher" in name or "online" in name for name in module.state_dict())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["distillation.logits=deit-soft"], "needs a distillation token, which ds-cnn has not"),
        (["distillation.synchronise_patchout=true"], "two models of patches only"),
        (["distillation.features=vitkd"], "no two transformer blocks"),
    ],
)
def test_losses_that_a_student_cannot_have(
    tiny_recipe: Path, tiny_run: Path, training_clips: AudioCache, settings: list[str], message: str
) -> None:
    with pytest.raises(BadConfigError, match=message):
        _module(tiny_recipe, training_clips, (open_teacher(tiny_run, LABELS, 8000),), settings)


def test_hints_need_one_teacher_that_runs(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, training_clips: AudioCache, audio_cache: Path
) -> None:
    teacher = open_teacher(tiny_run, LABELS, 8000)
    store_logits(tiny_recipe, [tiny_run], tones, tmp_path / "l", device="cpu", cache=audio_cache)
    for teaching in ((teacher, teacher), read_stored([tmp_path / "l"], training_clips, LABELS)):
        with pytest.raises(BadConfigError, match="one teacher that runs"):
            _module(tiny_recipe, training_clips, teaching, ["distillation.features=vitkd"])


def _two_labels(tones: Path) -> Manifest:
    manifest = read_manifest(tones).where(lambda clip: clip.label != "hiss")
    return dataclasses.replace(manifest, labels=("beeps", "tone"))


def test_teachers_that_do_not_fit_are_refused(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    def run(*teachers: Path, data: Manifest | Path = tones, **more: object) -> None:
        distill(tiny_recipe, teachers, data, tmp_path / "r", device="cpu", cache=audio_cache, **more)  # type: ignore[arg-type]

    with pytest.raises(DataError, match="teacher of other labels: 'hiss' is the teacher's only"):
        run(tiny_run, data=_two_labels(tones))
    with pytest.raises(BadConfigError, match="teacher hears 8000 Hz, the student 16000 Hz"):
        run(tiny_run, overrides=["frontend.fields.sample_rate=16000"])
    with pytest.raises(BadConfigError, match="neither a run nor stored logits"):
        run(tmp_path)
    with pytest.raises(BadConfigError, match="no teacher"):
        run()
    store_logits(tiny_recipe, [tiny_run], tones, tmp_path / "l", device="cpu", cache=audio_cache)
    with pytest.raises(BadConfigError, match="cannot be mixed"):
        run(tiny_run, tmp_path / "l")
    with pytest.raises(DataError, match="other labels"):
        run(tmp_path / "l", data=_two_labels(tones))
    with pytest.raises(BadConfigError, match="logits of clips at 8000 Hz for a student at 16000 Hz"):
        run(tmp_path / "l", overrides=["frontend.fields.sample_rate=16000"])
    with pytest.raises(DataError, match=r"no logits for 9 of 54 clips, for instance .*s5"):
        run(tmp_path / "l", train_select="speaker=s0..s5", valid_select="none")
    assert not (tmp_path / "r").exists()


def test_a_recipe_with_teachers_is_not_trained_alone(tmp_path: Path, tones: Path, tiny_recipe: Path) -> None:
    with pytest.raises(BadConfigError, match="use 'edgekit distill'"):
        train(tiny_recipe, tones, tmp_path / "r", overrides=["distillation.logits=hinton"])


def test_a_store_of_something_else_is_refused(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, other_teacher: Path, audio_cache: Path
) -> None:
    def store(folder: Path, teacher: Path = tiny_run, **more: object) -> int:
        return store_logits(
            tiny_recipe,
            [teacher],
            tones,
            folder,
            device="cpu",
            cache=audio_cache,
            **more,  # type: ignore[arg-type]
        ).found

    store(tmp_path / "l")
    assert store(tmp_path / "l") == 45
    with pytest.raises(DigestMismatchError, match="holds logits of other teachers"):
        store(tmp_path / "l", other_teacher)
    with pytest.raises(DigestMismatchError, match="other views"):
        store(tmp_path / "l", views=2)
    with pytest.raises(BadConfigError, match="cannot be stored again"):
        store(tmp_path / "m", tmp_path / "l")
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "thesis.tex").write_text("dear")
    with pytest.raises(BadConfigError, match="not empty"):
        store(tmp_path / "n")
    with pytest.raises(BadConfigError, match="worker 3 of 2"):
        store(tmp_path / "o", worker=(2, 2))


def test_damage_and_mismatches_are_clear(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    other_teacher: Path,
    training_clips: AudioCache,
    audio_cache: Path,
) -> None:
    for name, teacher in {"a": tiny_run, "b": other_teacher}.items():
        store_logits(tiny_recipe, [teacher], tones, tmp_path / name, device="cpu", cache=audio_cache)
    shard = shard_path(tmp_path / "a", 0)
    whole = shard.read_bytes()
    shutil.copy(shard_path(tmp_path / "b", 0), shard)
    with pytest.raises(DigestMismatchError, match="belongs to another store"):
        read_stored([tmp_path / "a"], training_clips, LABELS)
    for cut in (0, 5, len(whole) // 2, len(whole) - 1):
        shard.write_bytes(whole[:cut])
        with pytest.raises(BadFileError, match="no shard of logits"):
            read_stored([tmp_path / "a"], training_clips, LABELS)
    shard.write_bytes(whole)
    text = (tmp_path / "a" / "store.json").read_text()
    for broken in ("{", "[]", text.replace('"shards"', '"shard"'), text.replace('"views": 0', '"views": -1')):
        (tmp_path / "a" / "store.json").write_text(broken)
        with pytest.raises((BadFileError, BadConfigError)):
            read_stored([tmp_path / "a"], training_clips, LABELS)


def test_other_samples_under_the_same_id(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    """A recording that was replaced is noticed in training and heard again when the logits are stored again."""
    copied = tmp_path / "set"
    shutil.copytree(tones.parent, copied)
    store = tmp_path / "l"
    store_logits(tiny_recipe, [tiny_run], copied / "manifest.csv", store, device="cpu", cache=audio_cache)
    shutil.copy(copied / "tone_s1_0.wav", copied / "tone_s0_0.wav")
    settings = ["schedule.epochs=1"]
    with pytest.raises(DigestMismatchError, match=r"other samples under the id tone_s0_0\.wav"):
        distill(tiny_recipe, [store], copied / "manifest.csv", tmp_path / "r", overrides=settings, cache=audio_cache)
    again = store_logits(tiny_recipe, [tiny_run], copied / "manifest.csv", store, device="cpu", cache=audio_cache)
    assert (again.computed, again.found) == (1, 44)
    distill(tiny_recipe, [store], copied / "manifest.csv", tmp_path / "r", overrides=settings, cache=audio_cache)


def test_workers_fill_one_store(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    training_clips: AudioCache,
    audio_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgekit.train.distillation.store._CLIPS_A_SHARD", 8)
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    store_logits(tiny_recipe, [tiny_run], tones, whole, views=1, device="cpu", cache=audio_cache)
    computed = []
    for number in range(3):
        if number:
            with pytest.raises(DataError, match="no logits for"):
                read_stored([shared], training_clips, LABELS)
        part = store_logits(
            tiny_recipe, [tiny_run], tones, shared, views=1, worker=(number, 3), device="cpu", cache=audio_cache
        )
        computed.append(part.computed)
    assert sum(computed) == 45 and max(computed) < 45
    names = sorted(path.name for path in (whole / "shards").iterdir())
    assert len(names) == 6 and names == sorted(path.name for path in (shared / "shards").iterdir())
    assert all((whole / "shards" / n).read_bytes() == (shared / "shards" / n).read_bytes() for n in names)


def test_another_manifest_adds_to_a_store(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    def store(select: str) -> tuple[int, int]:
        result = store_logits(
            tiny_recipe, [tiny_run], tones, tmp_path / "l", train_select=select, device="cpu", cache=audio_cache
        )
        return result.computed, result.found

    assert store("speaker=s0") == (9, 0)
    assert store("speaker=s1,s2") == (18, 0)
    assert store("speaker=s0..s3") == (9, 27)
    identity, shards = read_identity(tmp_path / "l")
    shard = read_shard(tmp_path / "l", 0, identity)
    assert shards == 1 and shard is not None and len(shard.ids) == 36


def test_command_line(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    audio_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(audio_cache))
    base = ["distill", str(tiny_recipe), "--data", str(tones), "--device", "cpu", "--set", "schedule.epochs=1"]
    store = str(tmp_path / "l")
    assert main([*base, "--teacher", str(tiny_run), "--store", store, "--views", "1", "--worker", "1/1"]) == 0
    assert "45 computed, 0 found, 2 views each" in capsys.readouterr().out
    assert main([*base, "--teacher", store, "-o", str(tmp_path / "r"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["train_clips"] == 45
    both = ["--teacher", str(tiny_run), "--store", store, "--views", "1", "-o", str(tmp_path / "both")]
    assert main([*base, *both]) == 0
    assert "kept epoch   1" in capsys.readouterr().out
    assert _same(_weights(tmp_path / "r"), _weights(tmp_path / "both"))
    for wrong in (
        ["--teacher", str(tiny_run)],
        ["--teacher", str(tiny_run), "-o", store, "--views", "2"],
        ["--teacher", str(tiny_run), "--store", store, "--worker", "x"],
        ["--teacher", str(tiny_run), "--store", store, "--worker", "1/2", "-o", str(tmp_path / "x")],
        ["--teacher", str(tmp_path / "nothing"), "-o", str(tmp_path / "x")],
    ):
        assert main([*base, *wrong]) == 2
    assert "Traceback" not in capsys.readouterr().err


def _start(arguments: list[str], audio_cache: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "EDGEKIT_CACHE": str(audio_cache), "CI": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "edgekit", *arguments], env=environment, stdout=subprocess.DEVNULL)


def _wait_until(happened: object, process: subprocess.Popen[bytes]) -> None:
    for _ in range(12_000):
        if happened():  # type: ignore[operator]
            return
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    raise AssertionError("nothing happened in a minute")


@pytest.mark.slow
@pytest.mark.parametrize("stored", [False, True])
def test_a_distilled_run_killed_by_sigkill_and_resumed_ends_with_the_same_weights(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path, stored: bool
) -> None:
    teacher = tiny_run
    settings = ["schedule.epochs=14", "schedule.keep=last", "distillation.logits=hinton"]
    if stored:
        teacher = tmp_path / "l"
        store_logits(tiny_recipe, [tiny_run], tones, teacher, views=2, device="cpu", cache=audio_cache)
    else:  # with hints, whose projections must come back as well
        layer = next(name for name, _ in load_checkpoint(tiny_run).build().named_children())
        settings += ["distillation.features=projection"]
        settings += [f"distillation.student_layer={layer}", f"distillation.teacher_layer={layer}"]
    options = [part for setting in settings for part in ("--set", setting)]
    base = ["distill", str(tiny_recipe), "--data", str(tones), "--teacher", str(teacher), "--device", "cpu", *options]
    assert _start([*base, "-o", str(tmp_path / "whole")], audio_cache).wait(120) == 0
    killed = tmp_path / "killed"
    history = killed / "history.csv"
    for epochs in (3, 8):
        process = _start([*base, "-o", str(killed)], audio_cache)
        _wait_until(lambda n=epochs: history.exists() and history.read_text().count("\n") > n, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert not (killed / "metrics.json").exists()
    assert _start([*base, "-o", str(killed)], audio_cache).wait(120) == 0
    assert _same(_weights(tmp_path / "whole"), _weights(killed))


@pytest.mark.slow
def test_storing_killed_by_sigkill_goes_on_to_the_same_files(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """45 clips of 101 views in one-clip shards: long enough to be killed in the middle."""
    base = ["--data", str(tones), "--teacher", str(tiny_run), "--device", "cpu", "--views", "100"]
    small = (
        "import sys, edgekit.train.distillation.store as s; s._CLIPS_A_SHARD = 1;"
        "from edgekit.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )

    def start(folder: Path) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "EDGEKIT_CACHE": str(audio_cache), "CI": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", small, "distill", str(tiny_recipe), *base, "--store", str(folder)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait(120) == 0
    killed = tmp_path / "killed"
    process = start(killed)
    _wait_until(lambda: len(list((killed / "shards").glob("*.safetensors"))) >= 5, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    done = list((killed / "shards").glob("*.safetensors"))
    total = list((tmp_path / "whole" / "shards").glob("*.safetensors"))
    assert 5 <= len(done) < len(total)
    before = {path.name: path.stat().st_mtime_ns for path in done}
    assert start(killed).wait(120) == 0
    for path in total:
        assert (killed / "shards" / path.name).read_bytes() == path.read_bytes()
    assert all((killed / "shards" / name).stat().st_mtime_ns == at for name, at in before.items())


@pytest.mark.parametrize("name", [name for name in recipe_names() if "distilled" in name])
def test_shipped_students_take_the_features_of_their_recipe(name: str) -> None:
    recipe = load_recipe(name)
    assert not recipe.distillation.off
    model = build_model(recipe.model.name, classes=12, **recipe.model.arguments).eval()
    shape = recipe.frontend.spec().input_shape[1:3]
    assert model(torch.zeros(1, 1, *shape)).shape == (1, 12)
    heads = 2 if recipe.distillation.logits.startswith("deit") else 1
    assert heads == 1 or len(model.token_logits(torch.zeros(1, 1, *shape))) == 2  # type: ignore[operator]


def test_runs_from_before_teachers_keep_their_identity(tiny_recipe: Path) -> None:
    plain = load_recipe(tiny_recipe)
    assert not {"distillation", "class_weights"} & plain.to_json().keys()
    settings = ["distillation.logits=deit-hard", "class_weights.rule=inverse", "class_weights.floor=10000"]
    taught = load_recipe(tiny_recipe, settings)
    assert taught.class_weights.floor == 10_000
    assert recipe_from(tomllib.loads(to_toml(taught))) == taught
    assert recipe_from(tomllib.loads(to_toml(plain))) == plain


def test_class_weights_weigh_the_labels_loss(tiny_recipe: Path, training_clips: AudioCache, tiny_run: Path) -> None:
    """Unequal classes: each clip's loss times its class's weight, by hand."""
    fewer = training_clips.manifest.where(lambda clip: clip.label != "tone" or clip.speaker == "s0")
    clips = AudioCache(fewer, 8000, training_clips._pack.parents[1])
    settings = ["class_weights.rule=inverse", "class_weights.floor=5", "schedule.label_smoothing=0"]
    module = _module(tiny_recipe, clips, (open_teacher(tiny_run, LABELS, 8000),), settings)
    logits, targets = torch.randn(6, 3, dtype=torch.float64), [0, 0, 1, 2, 2, 1]
    mean = (15 / 15 + 15 / 15 + 3 / 5) / 33  # 15, 15 and 3 clips
    weights = [1 / 15 / mean, 1 / 15 / mean, 1 / 5 / mean]
    log = logits.numpy() - np.log(np.exp(logits.numpy()).sum(axis=1, keepdims=True))
    expected = -np.mean([weights[target] * log[row, target] for row, target in enumerate(targets)])
    loss = module.label_loss(logits.float(), torch.eye(3)[targets])
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_sets_are_mixed_in(tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path) -> None:
    """A second manifest of two of the labels: its clips train with the others'."""
    extra = tmp_path / "extra"
    (extra / "made").mkdir(parents=True)
    lines = ["path,label,split"]
    for name, label in (("beeps_s6_0.wav", "beeps"), ("tone_s6_0.wav", "tone")):
        shutil.copy(tones.parent / name, extra / "made" / name)
        lines.append(f"made/{name},{label},train")
    (extra / "manifest.csv").write_text("\n".join(lines) + "\n")
    both = [tones, extra / "manifest.csv"]
    store_logits(tiny_recipe, [tiny_run], both, tmp_path / "l", device="cpu", cache=audio_cache)
    settings = ["schedule.epochs=1"]
    result = distill(
        tiny_recipe, [tmp_path / "l"], both, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache
    )
    assert result.clips == (47, 9) and load_checkpoint(result.folder).labels == LABELS


@pytest.mark.slow
def test_two_processes_distil_one_run(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    base = ["distill", str(tiny_recipe), "--data", str(tones), "--device", "cpu", "--devices", "2"]
    options = ["--teacher", str(tiny_run), "--set", "schedule.epochs=2", "--store", str(tmp_path / "l"), "--views", "1"]
    assert _start([*base, *options, "-o", str(tmp_path / "r")], audio_cache).wait(240) == 0
    state = torch.load(tmp_path / "r" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 4  # 45 clips, batches of 8 in each of 2 processes: 2 steps an epoch
