"""Recipes: strict, overridable, and the same after a round trip."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from edgekit.api.adapt import ADAPTED
from edgekit.augment.features import check_augment
from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model
from edgekit.train.recipe_file import load_recipe, recipe_from, recipe_names, to_toml

LARGE = {
    "hello-edge-ds-cnn-m": 140,
    "hello-edge-ds-cnn-l": 420,
    "gsc-bc-resnet-8": 330,
    "kws-teacher": 400,
    "ast-small": 470,
    "speaker-amcrn": 470,
    "speaker-ecapa": 300,
    "speaker-resnet34": 1470,
    "v2s-attention-bilstm": 180,
    "words-mobilenet": 720,
    "v2s-unet-attention-bilstm": 200,
    "v2s-vggish": 470,
}
"""Shipped models above 128 thousand parameters, and how many thousands they may have."""


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_load_and_their_models_build(name: str) -> None:
    recipe = load_recipe(name)
    spec = recipe.frontend.spec()
    check_augment(recipe.augment, spec)
    if recipe.model.name in ADAPTED:
        with pytest.raises(BadConfigError, match="'source' is missing"):
            build_model(recipe.model.name, classes=10, **recipe.model.arguments)
        return
    with torch.device("meta"):
        model = build_model(recipe.model.name, classes=10, **recipe.model.arguments)
    parameters = sum(p.numel() for p in model.parameters())
    if "teacher" in name or "vit" in name or "passt" in name:
        limit = 86_000_000 if "large" in name or "passt" in name else 8_000_000
    else:  # a student fits the 128 kB of int8 weights that budgets allow
        limit = 1000 * LARGE.get(name, 128)
    assert parameters <= limit
    assert recipe.about


def test_a_recipe_stands_on_its_base(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'base = "kws-dscnn"\nabout = "mine"\n[schedule]\nepochs = 3\n[model.arguments]\ndropout = 0.4\n'
    )
    (tmp_path / "other.toml").write_text('base = "own.toml"\n[model]\nname = "tf-sepnet"\n')
    under, own, other = (load_recipe(item) for item in ("kws-dscnn", tmp_path / "own.toml", tmp_path / "other.toml"))
    assert (own.name, own.about, own.schedule.epochs) == ("own", "mine", 3)
    assert own.model.arguments == {**under.model.arguments, "dropout": 0.4}
    assert own.optimiser == under.optimiser and own.frontend == under.frontend
    assert other.model.name == "tf-sepnet" and other.model.arguments == {}  # those of a DS-CNN say nothing here
    assert other.schedule == own.schedule and other.about == ""
    assert recipe_from(tomllib.loads(to_toml(own))) == own


def test_bases_that_do_not_end_or_exist(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('base = "b.toml"\n')
    (tmp_path / "b.toml").write_text('base = "a.toml"\n')
    (tmp_path / "c.toml").write_text("base = 3\n")
    (tmp_path / "d.toml").write_text('base = "kws-dscn"\n')
    for name, message in {"a": "leads to itself", "c": "base is 3", "d": "neither a recipe nor a file"}.items():
        with pytest.raises(BadConfigError, match=message):
            load_recipe(tmp_path / f"{name}.toml")


def test_shipped_names() -> None:
    assert {"kws-dscnn", "kws-dscnn-robust", "asc-cp-mobile"} <= set(recipe_names())


def test_toml_round_trip(tiny_recipe: Path) -> None:
    recipe = load_recipe(tiny_recipe, ['about=a "quoted" text', "augment.noise_snr_db=[1, 2.5]"])
    assert recipe_from(tomllib.loads(to_toml(recipe))) == recipe
    assert recipe.augment.noise_snr_db == (1.0, 2.5)


def test_overrides_are_typed(tiny_recipe: Path) -> None:
    overrides = ["schedule.epochs=7", "schedule.keep=last", "optimiser.learning_rate=1", "frontend.fields.mel_bins=32"]
    recipe = load_recipe(tiny_recipe, overrides)
    assert (recipe.schedule.epochs, recipe.schedule.keep) == (7, "last")
    assert recipe.optimiser.learning_rate == 1.0 and isinstance(recipe.optimiser.learning_rate, float)
    assert recipe.frontend.spec().mel_bins == 32


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("schedule.epoch=3", "did you mean 'epochs'"),
        ("agument.speed=0.1", "did you mean 'augment'"),
        ("schedule.epochs=3.5", "whole number"),
        ("schedule.epochs=true", "whole number"),
        ("schedule.epochs=0", "out of range"),
        ("schedule.keep=bset", "did you mean 'best'"),
        ("optimiser.learning_rate=nan", "out of range"),
        ("optimiser.learning_rate=fast", "a number"),
        ("augment.noise_snr_db=[3, 1]", "backwards"),
        ("augment.noise_snr_db=[3]", "pair"),
        ("model.arguments.classes=4", "classes is set"),
        ("model=ds-cnn", "not a table"),
        ("schedule.epochs.x=1", "no table"),
        ("schedule", "no override"),
        ("seed=-1", "out of range"),
    ],
)
def test_bad_settings_name_the_key_and_the_cure(tiny_recipe: Path, override: str, message: str) -> None:
    with pytest.raises(BadConfigError, match=message):
        load_recipe(tiny_recipe, [override])


def test_unknown_frontend_field_is_refused(tiny_recipe: Path) -> None:
    with pytest.raises(BadConfigError, match="did you mean 'mel_bins'"):
        load_recipe(tiny_recipe, ["frontend.fields.mel_bin=3"]).frontend.spec()


def test_frequency_augmentation_of_cepstra_is_refused() -> None:
    recipe = load_recipe("kws-dscnn", ["augment.formant_warp=0.1"])
    mfcc = load_recipe("kws-dscnn", ["frontend.preset=kws-mfcc-49x10", "frontend.fields={}"]).frontend.spec()
    with pytest.raises(BadConfigError, match="formant_warp needs mel bins"):
        check_augment(recipe.augment, mfcc)


@pytest.mark.parametrize("text", ["[schedule", "\xff"])
def test_damaged_file_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadConfigError):
        load_recipe(path)


def test_unknown_recipe_suggests() -> None:
    with pytest.raises(BadConfigError, match="did you mean 'kws-dscnn'"):
        load_recipe("kws-dcnn")
