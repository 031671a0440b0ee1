"""Keyword recipes: students within 128,000 parameters and 30 true MMAC a window, by edgekit's counter."""

from __future__ import annotations

import pytest

from edgekit.budget.counting import count
from edgekit.budget.sketch_graph import sketch_graph
from edgekit.train.recipe import Recipe
from edgekit.train.recipe_file import load_recipe, recipe_names

STUDENTS = [name for name in recipe_names() if name.startswith("kws-dscnn")]


def _counts(recipe: Recipe, classes: int) -> dict[str, int]:
    height, width = recipe.frontend.spec().input_shape[1:3]
    arguments = {**recipe.model.arguments, "classes": classes}
    tallies = count(sketch_graph(recipe.model.name, arguments, (height, width), "batch norm"), plan=False).tallies
    return {key: tallies[key].known for key in ("parameters", "macs_true")}


@pytest.mark.parametrize("name", STUDENTS)
def test_students_of_35_words_are_within_the_budget(name: str) -> None:
    found = _counts(load_recipe(name), classes=35)
    assert 0 < found["parameters"] <= 128_000
    assert 0 < found["macs_true"] <= 30_000_000


def test_fine_tuning_takes_the_weights_of_its_pre_training() -> None:
    before, after = load_recipe("kws-dscnn-8khz-level"), load_recipe("kws-dscnn-8khz-level-tune")
    assert (after.model, after.frontend) == (before.model, before.frontend)


@pytest.mark.parametrize(
    ("student", "teacher"), [("kws-dscnn-8khz-level", "kws-teacher-8khz"), ("kws-dscnn-robust", "kws-teacher-2s")]
)
def test_a_teacher_hears_what_its_student_hears_and_is_larger(student: str, teacher: str) -> None:
    pair = load_recipe(student), load_recipe(teacher)
    assert pair[0].frontend.spec() == pair[1].frontend.spec()
    assert _counts(pair[1], 10)["parameters"] > 2 * _counts(pair[0], 10)["parameters"]
