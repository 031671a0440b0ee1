"""The recipes that come with edgekit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RecipeInfo:
    """One recipe in a list.

    Attributes:
        name: what ``edgekit train`` takes.
        model: registry name.
        about: one sentence.
        taught: whether it learns from a teacher (``edgekit distill``).
        published: figure, source and counts that it is to be held against; empty for edgekit's own.
    """

    name: str
    model: str
    about: str
    taught: bool
    published: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {
            "name": self.name,
            "model": self.model,
            "about": self.about,
            "taught": self.taught,
            "published": self.published,
        }


def list_recipes() -> tuple[RecipeInfo, ...]:
    """All shipped recipes, by name."""
    from edgekit.train.recipe_file import load_recipe, recipe_names

    found = []
    for name in recipe_names():
        recipe = load_recipe(name)
        published = asdict(recipe.published) if recipe.published.source else {}
        found.append(RecipeInfo(name, recipe.model.name, recipe.about, not recipe.distillation.off, published))
    return tuple(found)


def show_recipe(recipe: str | Path, overrides: Sequence[str] = ()) -> str:
    """A recipe as TOML, every key written out, its base and ``a.b=value`` overrides applied.

    Raises:
        BadConfigError: no such recipe, or a bad one.
    """
    from edgekit.train.recipe_file import load_recipe, to_toml

    return to_toml(load_recipe(recipe, overrides))
