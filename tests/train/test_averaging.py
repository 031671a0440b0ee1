"""Averaged weights, accumulated gradients, bfloat16 and schedules: against plain formulas and through a stop."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from edgekit.api.soup import soup
from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, BadFileError, DataError, DigestMismatchError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model
from edgekit.train.averaging import mean_weights, reestimate_batch_norm
from edgekit.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edgekit.train.dataset import ClipBatches, Step
from edgekit.train.module import StudentModule
from edgekit.train.optimiser import learning_rate_factor
from edgekit.train.recipe import Schedule
from edgekit.train.recipe_file import load_recipe

PLAIN = ["augment.mixup_probability=0", "augment.speed=0", "augment.noise_probability=0", "augment.stretch=0"]
FLAT = ["schedule.warmup_epochs=0", "schedule.flat_epochs=1000"]
VIT = [
    "model.name=small-vit",
    "model.arguments={input_shape=[20,24],patch=4,stride=4,layers=1,width=8,heads=2}",
]


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(folder).weights)


def test_batch_statistics_are_those_of_the_batches() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4, momentum=0.3), nn.ReLU())
    model[2].running_mean.fill_(7.0)
    parts = [torch.randn(10, 3) + 2.0 for _ in range(3)]
    expected = torch.stack([model[0](part).mean(dim=0) for part in parts]).mean(dim=0)
    variance = torch.stack([model[0](part).var(dim=0) for part in parts]).mean(dim=0)
    reestimate_batch_norm(model, parts)
    assert torch.allclose(model[2].running_mean, expected, atol=1e-6)
    assert torch.allclose(model[2].running_var, variance, atol=1e-6)
    assert model.training and model[2].momentum == 0.3


def test_mean_weights_are_means_and_counters_stay() -> None:
    parts = [
        {"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(5)},
        {"w": torch.tensor([3.0, 8.0]), "n": torch.tensor(9)},
    ]
    mean = mean_weights(parts)
    assert mean["w"].tolist() == [2.0, 5.0] and int(mean["n"]) == 5


def test_swa_is_the_mean_of_the_last_epochs_with_statistics_of_its_own(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    settings = [*FLAT, "schedule.ema_decay=0", "schedule.keep=last"]

    def run(epochs: int, swa: int) -> dict[str, torch.Tensor]:
        folder = tmp_path / f"{epochs}-{swa}"
        overrides = [*settings, f"schedule.epochs={epochs}", f"schedule.swa_epochs={swa}"]
        train(tiny_recipe, tones, folder, overrides=overrides, device="cpu", cache=audio_cache)
        return _weights(folder)

    second, third, averaged = run(2, 0), run(3, 0), run(3, 2)
    for name, value in averaged.items():
        if "running" not in name and value.is_floating_point():
            assert torch.allclose(value, (second[name] + third[name]) / 2, atol=1e-6), name
    # the first batch norm's statistics, from the training batches of the last epoch by hand
    recipe = load_recipe(tiny_recipe, [*settings, "schedule.epochs=3", "schedule.swa_epochs=2"])
    checkpoint = load_checkpoint(tmp_path / "3-2")
    clips = ClipBatches(
        AudioCache(read_manifest(tones).select(split="train"), 8000, audio_cache), checkpoint.labels, 4000, recipe
    )
    module = StudentModule(
        checkpoint.build(), TorchFrontend(checkpoint.frontend), clips, None, recipe, checkpoint.labels
    )
    stem = module.model.stem[0]
    maps = [stem(module.batch(Step(0, 2, step)).features) for step in range(clips.steps)]
    expected = torch.stack([part.mean(dim=(0, 2, 3)) for part in maps]).mean(dim=0)
    assert torch.allclose(averaged["stem.1.running_mean"], expected, atol=1e-4)


@pytest.mark.parametrize(
    "more",
    [
        ["schedule.ema_decay=0", "schedule.swa_epochs=2", "schedule.accumulate=2"],
        ["schedule.ema_decay=0.9", "schedule.accumulate=3", "schedule.warmup=exponential", "schedule.decay=linear"],
        ["schedule.precision=bfloat16"],
    ],
)
def test_a_stopped_run_goes_on_to_the_same_bits(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, more: list[str]
) -> None:
    overrides = ["schedule.epochs=4", "schedule.keep=last", *more]

    def run(name: str, **options: object) -> dict[str, torch.Tensor]:
        train(tiny_recipe, tones, tmp_path / name, overrides=overrides, device="cpu", cache=audio_cache, **options)
        return _weights(tmp_path / name)

    def stop(what: str, done: int, total: int) -> None:
        if what == "training" and (tmp_path / "stopped" / "history.csv").exists():
            lines = (tmp_path / "stopped" / "history.csv").read_text().splitlines()
            if len(lines) == 4:  # three epochs have ended: SWA has begun
                raise KeyboardInterrupt

    whole = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("stopped", progress=stop)
    resumed = run("stopped")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert all(value.dtype in (torch.float32, torch.int64) for value in whole.values())


def test_accumulated_gradients_are_those_of_the_larger_batch(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    """36 clips, no dropout, no batch norm, no augmentation: 2 × 8 clips a step are 16 clips a step."""
    still = [f"augment.{name}=0" for name in ("shift_ms", "gain_db", "formant_warp", "equaliser_db", "time_masks")]
    settings = [*PLAIN, *still, "augment.frequency_masks=0", *VIT, *FLAT, "schedule.ema_decay=0", "schedule.keep=last"]
    settings += ["optimiser.name=sgd", "optimiser.learning_rate=0.05", "schedule.epochs=2"]
    found = []
    for batch, accumulate in ((16, 1), (8, 2)):
        folder = tmp_path / str(batch)
        overrides = [*settings, f"schedule.batch_size={batch}", f"schedule.accumulate={accumulate}"]
        train(
            tiny_recipe,
            tones,
            folder,
            train_select="speaker=s0..s3",
            overrides=overrides,
            device="cpu",
            cache=audio_cache,
        )
        found.append(_weights(folder))
        state = torch.load(folder / "last.ckpt", weights_only=True)
        assert state["global_step"] == 4
    assert all(torch.allclose(found[0][name], found[1][name], atol=2e-6) for name in found[0])


def test_bfloat16_reaches_the_model_but_not_the_features(tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    recipe = load_recipe(tiny_recipe, ["schedule.precision=bfloat16"])
    labels = ("beeps", "hiss", "tone")
    clips = ClipBatches(AudioCache(read_manifest(tones).select(split="train"), 8000, audio_cache), labels, 4000, recipe)
    model = build_model("ds-cnn", classes=3, **recipe.model.arguments)
    module = StudentModule(model, TorchFrontend(recipe.frontend.spec()), clips, None, recipe, labels)
    plain = module.batch(Step(0, 0, 0)).features
    with torch.autocast("cpu", torch.bfloat16):
        features = module.batch(Step(0, 0, 0)).features
        assert module.model(features).dtype == torch.bfloat16
    assert torch.equal(plain, features)


def test_exponential_rise_flat_and_linear_fall() -> None:
    """The schedule of PaSST's fine-tuning, by its published formulas."""
    plan = Schedule(
        epochs=25,
        warmup_epochs=3,
        warmup="exponential",
        flat_epochs=9,
        decay="linear",
        decay_epochs=10,
        final_factor=0.01,
    )
    steps = 7
    for epoch in range(25):
        found = learning_rate_factor(epoch * steps, plan, steps)
        if epoch < 3:
            expected = math.exp(-5.0 * (1 - epoch / 3) ** 2)
        elif epoch <= 12:
            expected = 1.0
        elif epoch < 22:
            expected = 0.01 + 0.99 * (22 - epoch) / 10
        else:
            expected = 0.01
        assert found == pytest.approx(expected), epoch


def test_two_ways_of_averaging_are_one_too_many(tiny_recipe: Path) -> None:
    with pytest.raises(BadConfigError, match="both average"):
        load_recipe(tiny_recipe, ["schedule.swa_epochs=2"])


@pytest.fixture(scope="module")
def three_runs(
    tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> list[Path]:
    """A good run, two that were fine-tuned from it, and the second of these is spoilt."""
    folder = tmp_path_factory.mktemp("soup")
    for name, rate in {"a": 1e-3, "b": 2.0}.items():
        settings = [
            "schedule.epochs=1",
            "schedule.keep=last",
            "schedule.ema_decay=0",
            f"optimiser.learning_rate={rate}",
        ]
        settings += ["frontend.normalise=start", "optimiser.name=sgd"]
        train(tiny_recipe, tones, folder / name, overrides=settings, start=tiny_run, device="cpu", cache=audio_cache)
    return [tiny_run, folder / "a", folder / "b"]


def test_a_uniform_soup_is_the_mean_and_a_greedy_one_leaves_out_what_hurts(
    tmp_path: Path, tones: Path, three_runs: list[Path], audio_cache: Path
) -> None:
    uniform = soup(three_runs[:2], tones, tmp_path / "u", method="uniform", device="cpu", cache=audio_cache)
    mixed, a, b = (_weights(folder) for folder in (tmp_path / "u", *three_runs[:2]))
    for name in ("stem.0.weight", "dense.bias"):
        assert torch.allclose(mixed[name], (a[name] + b[name]) / 2, atol=1e-6)
    assert not torch.equal(mixed["stem.1.running_mean"], a["stem.1.running_mean"])
    assert uniform.chosen == (str(three_runs[0]), str(three_runs[1]))
    greedy = soup(three_runs, tones, tmp_path / "g", device="cpu", cache=audio_cache)
    assert str(three_runs[2]) not in greedy.chosen and greedy.together is not None
    best = max(scores["macro_accuracy"] for scores in greedy.alone.values())
    assert greedy.together["macro_accuracy"] >= best
    assert greedy.alone[str(three_runs[2])]["macro_accuracy"] < best
    assert json.loads((tmp_path / "g" / "soup.json").read_text())["chosen"] == list(greedy.chosen)


def test_runs_that_do_not_mix(tmp_path: Path, tones: Path, tiny_run: Path, audio_cache: Path) -> None:
    known = load_checkpoint(tiny_run)

    def other(name: str, **changes: object) -> Path:
        fields = {key: getattr(known, key) for key in ("model", "arguments", "frontend", "labels", "weights")}
        save_checkpoint(Checkpoint(**{**fields, **changes}), tmp_path / name / "checkpoint.safetensors")
        return tmp_path / name

    small = {**known.arguments, "channels": [4, 4]}
    weights = {key: value.detach() for key, value in build_model("ds-cnn", **small).state_dict().items()}
    cases = {
        other("model", arguments=small, weights=weights): (BadFileError, "another model"),
        other("labels", labels=("tone", "hiss", "beeps")): (DataError, "other labels"),
        other("frontend", frontend=known.frontend.replace(f_min=50.0)): (DigestMismatchError, "another front-end"),
    }
    for path, (kind, message) in cases.items():
        with pytest.raises(kind, match=message):
            soup([tiny_run, path], tones, tmp_path / "out", device="cpu", cache=audio_cache)
    with pytest.raises(BadConfigError, match="two runs or more"):
        soup([tiny_run], tones, tmp_path / "out", device="cpu", cache=audio_cache)
    with pytest.raises(BadConfigError, match="needs validation clips"):
        soup([tiny_run, other("same")], tones, tmp_path / "out", valid_select="none", device="cpu", cache=audio_cache)
    assert not (tmp_path / "out").exists()


def test_soup_on_the_command_line(
    tmp_path: Path,
    tones: Path,
    three_runs: list[Path],
    audio_cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(audio_cache))
    command = ["soup", *map(str, three_runs), "--data", str(tones), "--device", "cpu", "-o", str(tmp_path / "s")]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "greedy" in text and "soup" in text.splitlines()[-1]
    assert main(command) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradients_are_scaled_down_to_the_norm(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, precision: str
) -> None:
    """Plain SGD at rate 1 for one step of the only batch: the weights move by the gradient, whose norm is the limit."""
    settings = [*PLAIN, *VIT, *FLAT, "schedule.ema_decay=0", "schedule.keep=last", "schedule.epochs=1"]
    settings += ["optimiser.name=sgd", "optimiser.momentum=0", "optimiser.weight_decay=0", "optimiser.learning_rate=1"]
    settings += ["schedule.batch_size=45", "schedule.clip_norm=0.01", f"schedule.precision={precision}"]
    train(tiny_recipe, tones, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache)
    torch.manual_seed(0)
    recipe = load_recipe(tiny_recipe, settings)
    before = build_model("small-vit", classes=3, **recipe.model.arguments).state_dict()
    after = _weights(tmp_path / "r")
    moved = sum(float((after[name] - before[name]).square().sum()) for name in after)
    assert math.sqrt(moved) == pytest.approx(0.01, rel=1e-3)
