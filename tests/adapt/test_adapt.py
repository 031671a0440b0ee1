"""The command: an adapted run is trained, stored without its source, evaluated and distilled from."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from edgekit.api.adapt import adapt
from edgekit.api.distill import distill
from edgekit.api.evaluate import evaluate
from edgekit.api.export import export
from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError
from edgekit.train.checkpoint import load_checkpoint

_SHORT = ("schedule.epochs=6", "schedule.batch_size=8", "schedule.valid_every=6", "augment.shift_ms=0")
_FIELDS = ("frontend.fields.clip_samples=4000",)


@pytest.fixture(scope="module")
def lora(vit_source: Path, tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "lora"
    adapt("ast-lora", vit_source, tones, out, train_select="all", overrides=_SHORT, device="cpu")
    return out


def test_only_the_adapter_is_stored(lora: Path, vit_source: Path) -> None:
    stored = load_file(lora / "checkpoint.safetensors")
    assert all(name.startswith(("adapters.", "source.head")) for name in stored)
    assert (lora / "source.safetensors").resolve() == (vit_source / "checkpoint.safetensors").resolve()


def test_the_frozen_weights_come_back_bit_for_bit(lora: Path, vit_source: Path) -> None:
    source = load_file(vit_source / "checkpoint.safetensors")
    model = load_checkpoint(lora).build()
    state = model.state_dict()
    assert all(state[f"source.{name}"].equal(value) for name, value in source.items() if not name.startswith("head"))


def test_an_adapted_run_is_evaluated_like_any_other(lora: Path, tones: Path) -> None:
    result = evaluate(lora, tones)
    assert result.scores.accuracy > 0.9


def test_a_moved_source_is_named(lora: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "checkpoint.safetensors").write_bytes((lora / "checkpoint.safetensors").read_bytes())
    with pytest.raises(BadFileError, match=r"frozen weights .* are not beside"):
        load_checkpoint(alone)
    (alone / "source.safetensors").write_bytes((lora / "checkpoint.safetensors").read_bytes())
    with pytest.raises(DigestMismatchError, match="other weights"):
        load_checkpoint(alone)


@pytest.mark.slow
def test_a_reprogrammed_run_teaches_a_student(picture_source: Path, tones: Path, tmp_path: Path) -> None:
    overrides = (*_SHORT, *_FIELDS, "schedule.epochs=2")
    for recipe in ("reprogram-dual", "reprogram-static", "reprogram-probe"):
        result = adapt(recipe, picture_source, tones, tmp_path / recipe, train_select="all", overrides=overrides)
        assert result.frozen_parameters > 100 * len(result.run.clips)
        stored = load_file(tmp_path / recipe / "checkpoint.safetensors")
        built = load_checkpoint(tmp_path / recipe).build().state_dict()
        assert all(built[name].equal(value) for name, value in stored.items())
    for name, more in {
        "reprogram-frame": ["frame-program.svg"],
        "reprogram-dual": ["frame-program.svg", "waveform-program.svg"],
    }.items():
        out = tmp_path / f"{name}-drawn"
        adapt(
            name,
            picture_source,
            tones,
            out,
            train_select="all",
            overrides=(*overrides, "schedule.epochs=1"),
            pictures=True,
        )
        assert sorted(path.name for path in out.glob("*.svg")) == more
        assert all("<image" in (out / file).read_text() for file in more)
    with pytest.raises(BadConfigError, match="takes samples, an exported model features"):
        export(tmp_path / "reprogram-dual", tmp_path / "exported")
    student = distill(
        "kws-dscnn-8khz",
        [tmp_path / "reprogram-dual"],
        tones,
        tmp_path / "student",
        train_select="all",
        overrides=("schedule.epochs=1", "schedule.batch_size=8"),
    )
    assert student.epoch == 1


@pytest.mark.slow
def test_an_adapted_run_teaches_a_student(lora: Path, tones: Path, tmp_path: Path) -> None:
    overrides = ("schedule.epochs=1", "schedule.batch_size=8", "frontend.fields.clip_samples=4000")
    student = distill("kws-dscnn-8khz", [lora], tones, tmp_path / "run", train_select="all", overrides=overrides)
    assert student.epoch == 1


def test_a_recipe_without_a_source_is_refused(vit_source: Path, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match="has no source"):
        adapt("kws-dscnn", vit_source, tones, tmp_path / "run", train_select="all")


def test_a_feature_mask_on_a_model_of_samples_is_refused(picture_source: Path, tones: Path, tmp_path: Path) -> None:
    overrides = (*_SHORT, *_FIELDS, "augment.time_masks=1", "augment.time_mask_frames=5")
    with pytest.raises(BadConfigError, match=r"augment\.time_masks"):
        adapt("reprogram-dual", picture_source, tones, tmp_path / "run", train_select="all", overrides=overrides)


def test_an_adapted_model_is_no_source(lora: Path, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="itself an adapted model"):
        adapt("ast-lora", lora, tones, tmp_path / "run", train_select="all")
