"""What benchmarks/quantization.py measures: six architectures on three data sets, each with its recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

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
        mixed: synthetic sets that the float runs train with as well, NAME@SHARE (benchmarks/accuracy_kws.py).
        own_epochs: epochs of architectures that get another number, by name.
    """

    dataset: str
    held_out: str
    train: str
    test: str
    recipe: str
    patch: tuple[int, int]
    bands: int
    epochs: int
    mixed: tuple[str, ...] = ()
    own_epochs: Mapping[str, int] = field(default_factory=dict)


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
        epochs = self.held.own_epochs.get(self.architecture.name, self.held.epochs)
        rate = self.architecture.learning_rate or recipe.optimiser.learning_rate
        return dataclasses.replace(
            recipe,
            model=model,
            frontend=frontend,
            optimiser=dataclasses.replace(recipe.optimiser, learning_rate=rate),
            schedule=dataclasses.replace(recipe.schedule, epochs=epochs),
        )


SETS = (
    Held(
        dataset="dspspeech",
        held_out="spk21-spk25",
        train="speaker=spk00..spk17",
        test="speaker=spk21..spk25",
        recipe="kws-dscnn-robust",
        patch=(8, 8),
        bands=40,
        epochs=50,
        own_epochs={"ds-cnn": 100, "cp-mobile-grn": 100, "tf-sepnet-20": 200, "tiny-ast": 200},
    ),
    Held(
        dataset="fsdd",
        held_out="george,jackson",
        train="speaker!=george,jackson",
        test="speaker=george,jackson",
        recipe="kws-dscnn-8khz-level-tune",
        patch=(8, 6),
        bands=40,
        epochs=60,
        mixed=("digits@0.3",),
        own_epochs={"tiny-ast": 100, "bc-resnet-1": 30, "tf-sepnet-20": 30},
    ),
    Held(
        dataset="esc10",
        held_out="fold4",
        train="fold=1,2,3",
        test="fold=4",
        recipe="sounds-dscnn",
        patch=(16, 8),
        bands=80,
        epochs=20,
    ),
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
