"""What a recipe says was published is what its model has, by counters that share no code with edgekit."""

from __future__ import annotations

import pytest
from model_counts import counts

from edgekit.train.recipe_file import load_recipe, recipe_names

COUNTED = [name for name in recipe_names() if load_recipe(name).published.source]


@pytest.mark.parametrize("name", COUNTED)
def test_a_recipe_has_the_published_counts_on_its_own_features(name: str) -> None:
    recipe = load_recipe(name)
    published, shape = recipe.published, recipe.frontend.spec().feature_shape
    parameters, dcase, true = counts(recipe.model.name, shape, classes=published.classes, **recipe.model.arguments)
    assert published.parameters in (0, parameters)
    if published.macs:
        number, unit = published.macs.split()
        decimals = len(number.partition(".")[2])
        assert unit == "M"
        assert f"{(dcase if published.counting == 'dcase' else true) / 1e6:.{decimals}f}" == number


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dcase2024-baseline", 61_148),
        ("dcase2022-cp-resnet", 127_684),
        ("dcase2023-cp-mobile-127k", 126_952),
        ("dcase2024-tf-sepnet-64", 126_858),
        ("gsc-bc-resnet-8", 321_068),
        ("thesis-small-vit", 103_150),
        ("thesis-large-vit", 85_345_546),
    ],
)
def test_the_counts_that_matter_are_stated(name: str, parameters: int) -> None:
    assert load_recipe(name).published.parameters == parameters


def test_mlperf_tiny_counts_what_batch_norm_folds_away() -> None:
    recipe = load_recipe("mlperf-tiny-kws")
    parameters, _, _ = counts("ds-cnn", (49, 10), classes=12, **recipe.model.arguments)
    convolutions, channels = 9, 64
    assert parameters + convolutions * channels * (2 + 1) == 24_908  # "about 24.9 K": moving statistics and biases


def test_medium_vit_is_as_large_as_the_thesis_says_and_sees_as_many_patches() -> None:
    for name, patches in {"thesis-medium-vit": 12 * 9, "thesis-medium-vit-48-patches": 48}.items():
        recipe = load_recipe(name)
        parameters, _, _ = counts(recipe.model.name, (128, 100), classes=10, **recipe.model.arguments)
        assert 5_000_000 <= parameters <= 8_000_000
        stride = recipe.model.arguments.get("stride", 10)
        assert ((128 - 16) // stride + 1) * ((100 - 16) // stride + 1) == patches
