"""What benchmarks/quantization.py measures: six architectures on three data sets, each with its recipe."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from edgekit.train.recipe import ModelChoice, Recipe
from edgekit.train.recipe_file import load_recipe


@dataclass(frozen=True)
class Held:
    """A data set with the recordings that are left out.

    Attributes:
        dataset: folder under ``EDGEKIT_DATA``.
        held_out: name of what is left out.
        train, test: selections.
        recipe: of the float runs: front-end, augmentation, schedule.
        patch: (frequency, time) of a transformer's patches, which do not overlap.
        bands: mel bins of the front-end where sub-bands need a multiple of 40.
        epochs: of the float runs.
    """

    dataset: str
    held_out: str
    train: str
    test: str
    recipe: str
    patch: tuple[int, int]
    bands: int
    epochs: int


@dataclass(frozen=True)
class Architecture:
    """A model and what differs from a data set's recipe for it.

    Attributes:
        name: in the table.
        model: name in the registry and arguments; None takes the recipe's own.
        learning_rate: in place of the recipe's.
        attention: it has attention, and so the wider of the two bars.
    """

    name: str
    model: ModelChoice | None = None
    learning_rate: float | None = None
    attention: bool = False
    sub_bands: bool = False
    patches: bool = False


@dataclass(frozen=True)
class Case:
    """An architecture on a data set.

    Attributes:
        held: the data.
        architecture: the model.
    """

    held: Held
    architecture: Architecture

    @property
    def name(self) -> str:
        """Data set, what is held out, and model, with slashes between."""
        return f"{self.held.dataset}/{self.held.held_out}/{self.architecture.name}"

    def recipe(self) -> Recipe:
        """Of the float run."""
        recipe = load_recipe(self.held.recipe)
        model = self.architecture.model or recipe.model
        frontend = recipe.frontend
        if self.architecture.sub_bands:
            frontend = dataclasses.replace(frontend, fields={**frontend.fields, "mel_bins": self.held.bands})
        if self.architecture.patches:
            spec = frontend.spec()
            sides = {"input_shape": [spec.bins, spec.frames], "patch": self.held.patch, "stride": self.held.patch}
            model = dataclasses.replace(model, arguments={**model.arguments, **sides})
        rate = self.architecture.learning_rate or recipe.optimiser.learning_rate
        return dataclasses.replace(
            recipe,
            model=model,
            frontend=frontend,
            optimiser=dataclasses.replace(recipe.optimiser, learning_rate=rate),
            schedule=dataclasses.replace(recipe.schedule, epochs=self.held.epochs),
        )


SETS = (
    Held(
        "dspspeech", "spk21-spk25", "speaker=spk00..spk17", "speaker=spk21..spk25", "kws-dscnn-robust", (8, 8), 40, 50
    ),
    Held(
        "fsdd", "george,jackson", "speaker!=george,jackson", "speaker=george,jackson", "kws-dscnn-8khz", (8, 6), 40, 40
    ),
    Held("esc10", "fold4", "fold=1,2,3", "fold=4", "sounds-dscnn", (16, 8), 80, 20),
)

CP_MOBILE = {"base_channels": 16, "multiplier": 1.5, "expansion": 2.0, "grn": True}
MOBILE_VIT = {"channels": [8, 16, 24, 32], "widths": [24, 32], "layers": [1, 1]}

ARCHITECTURES = (
    Architecture("ds-cnn"),
    Architecture("cp-mobile-grn", ModelChoice(name="cp-mobile", arguments=CP_MOBILE)),
    Architecture("bc-resnet-1", ModelChoice(name="bc-resnet-1"), sub_bands=True),
    Architecture("tf-sepnet-20", ModelChoice(name="tf-sepnet", arguments={"width": 20})),
    Architecture(
        "tiny-ast",
        ModelChoice(name="tiny-ast", arguments={"dropout": 0.1}),
        learning_rate=1e-3,
        attention=True,
        patches=True,
    ),
    Architecture(
        "mobile-vit-small", ModelChoice(name="mobile-vit", arguments=MOBILE_VIT), learning_rate=2e-3, attention=True
    ),
)


def cases() -> list[Case]:
    """Every architecture on every set."""
    return [Case(held, architecture) for held in SETS for architecture in ARCHITECTURES]
