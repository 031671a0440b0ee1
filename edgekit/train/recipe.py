"""Recipes: what a training run does, as data. TOML in, frozen dataclasses out, nothing guessed.

A key that a recipe leaves out has the default below; a key that does not exist is an error that suggests the right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgekit.augment.spec import Augment
from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits as _check
from edgekit.data.windows import Windows
from edgekit.features.spec import FrontendSpec
from edgekit.features.spec_file import load_spec
from edgekit.train.distillation.choice import Distillation
from edgekit.train.published import Published
from edgekit.train.start_choice import Start


@dataclass(frozen=True, kw_only=True)
class FrontendChoice:
    """``[frontend]``: which features.

    Attributes:
        preset: name of a preset, or path of a ``frontend.json``.
        fields: fields of the spec that differ from the preset, for instance ``clip_samples``.
        normalise: "estimate" takes mean and std from the training clips and writes them into the spec (so that its
            digest covers them), "spec" keeps those of the preset, "start" takes those of ``start.weights``.
    """

    preset: str = "kws-logmel-40"
    fields: Mapping[str, Any] = field(default_factory=dict)
    normalise: Literal["estimate", "spec", "start"] = "estimate"

    def spec(self) -> FrontendSpec:
        """The front-end before mean and std are estimated.

        Raises:
            BadConfigError: unknown preset or field.
        """
        return load_spec(self.preset).replace(**dict(self.fields))


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """``[model]``: registry name and the builder's arguments; ``classes`` comes from the data."""

    name: str = "ds-cnn"
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "classes" in self.arguments:
            raise BadConfigError("classes is set", where="model.arguments", mend="remove it: the data says how many")


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """``[optimiser]``: AdamW, or SGD with Nesterov momentum; no decay on batch norm and biases."""

    name: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _check("optimiser", learning_rate=(self.learning_rate, 1e-8, 10.0), weight_decay=(self.weight_decay, 0.0, 10.0))
        _check("optimiser", momentum=(self.momentum, 0.0, 0.9999))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """``[schedule]``: how long and how.

    Attributes:
        epochs: passes over the training clips.
        batch_size: clips a step (a process, under DDP).
        warmup_epochs, warmup: rise of the learning rate, "linear" or "exponential".
        flat_epochs: how long it then stays.
        decay, decay_epochs, final_factor: how it then falls, as a "cosine" or "linear", in how many epochs (0: until
            the run ends), and to which share; there it stays.
        accumulate: batches whose gradients are averaged for one step of the optimiser.
        precision: of the model's arithmetic in training: "float32", or "bfloat16" where autocast has it (weights,
            features and losses stay float32).
        label_smoothing: share of the target spread over all classes.
        ema_decay: decay a step of the averaged weights that are validated and kept; 0 keeps the weights themselves.
        swa_epochs: instead, the mean of the weights at the end of the last so many epochs, with batch statistics of its
            own (SWA).
        clip_norm: gradients are scaled down to this norm; 0 does not.
        balance: "classes" draws every class equally often, "none" every clip once an epoch.
        keep: weights of the "best" epoch by validation macro accuracy (then loss), or of the "last".
        valid_every: validate every so many epochs (and after the last).
    """

    epochs: int = 60
    batch_size: int = 64
    warmup_epochs: float = 3.0
    warmup: Literal["linear", "exponential"] = "linear"
    flat_epochs: float = 0.0
    decay: Literal["cosine", "linear"] = "cosine"
    decay_epochs: float = 0.0
    final_factor: float = 0.0
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    label_smoothing: float = 0.1
    ema_decay: float = 0.0
    swa_epochs: int = 0
    clip_norm: float = 5.0
    balance: Literal["classes", "none"] = "none"
    keep: Literal["best", "last"] = "best"
    valid_every: int = 1

    def __post_init__(self) -> None:
        _check("schedule", epochs=(self.epochs, 1, 100_000), batch_size=(self.batch_size, 2, 65_536))
        _check("schedule", warmup_epochs=(self.warmup_epochs, 0.0, 1e5), clip_norm=(self.clip_norm, 0.0, 1e6))
        _check("schedule", label_smoothing=(self.label_smoothing, 0.0, 0.9), ema_decay=(self.ema_decay, 0.0, 0.99999))
        _check("schedule", flat_epochs=(self.flat_epochs, 0.0, 1e5), decay_epochs=(self.decay_epochs, 0.0, 1e5))
        _check("schedule", final_factor=(self.final_factor, 0.0, 1.0), accumulate=(self.accumulate, 1, 65_536))
        _check("schedule", swa_epochs=(self.swa_epochs, 0, self.epochs))
        if self.swa_epochs and self.ema_decay:
            text = "swa_epochs and ema_decay both average the weights"
            raise BadConfigError(text, where="schedule", mend="set one of them to 0")
        _check("schedule", valid_every=(self.valid_every, 1, 100_000))


@dataclass(frozen=True, kw_only=True)
class ClassWeights:
    """``[class_weights]``: how much each class counts in the loss of the labels.

    Attributes:
        rule: "inverse" weights a class by 1/max(clips, floor), scaled so that the mean over the clips is 1; "none"
            counts every clip alike.
        floor: below this many clips, classes weigh alike: few clips are not to be followed at any price.
    """

    rule: Literal["none", "inverse"] = "none"
    floor: int = 1

    def __post_init__(self) -> None:
        _check("class_weights", floor=(self.floor, 1, 10**9))


_LATER: Mapping[str, tuple[str, ...]] = {
    "class_weights": (),
    "distillation": (),
    "start": (),
    "published": (),
    "windows": (),
    "augment": (
        "roll_ms",
        "mixstyle_over",
        "impulse_probability",
        "impulse_responses",
        "impulse_device",
        "trim_probability",
        "trim_db",
    ),
    "schedule": (
        "warmup",
        "flat_epochs",
        "decay",
        "decay_epochs",
        "final_factor",
        "accumulate",
        "precision",
        "swa_epochs",
    ),
}
"""Tables, or keys of older tables, that a recipe's plain form leaves out where they change nothing: runs from before
them go on."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run: front-end, model, optimiser, schedule, augmentation, class weights, distillation, start, seed,
    and the published figures that it is to be held against.
    """

    name: str
    about: str = ""
    seed: int = 0
    frontend: FrontendChoice = field(default_factory=FrontendChoice)
    model: ModelChoice = field(default_factory=ModelChoice)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    class_weights: ClassWeights = field(default_factory=ClassWeights)
    distillation: Distillation = field(default_factory=Distillation)
    windows: Windows = field(default_factory=Windows)
    start: Start = field(default_factory=Start)
    published: Published = field(default_factory=Published)

    def __post_init__(self) -> None:
        _check("recipe", seed=(self.seed, 0, 2**31 - 1))
        if self.frontend.normalise == "start" and not self.start.weights:
            mend = 'name start.weights (--start), or set frontend.normalise="estimate"'
            raise BadConfigError("there is no start to take mean and std from", where="frontend.normalise", mend=mend)

    def to_json(self) -> dict[str, Any]:
        """Plain values, tables as dictionaries; :func:`edgekit.train.recipe_file.recipe_from` reads them back."""
        plain: dict[str, Any] = _plain(asdict(self))
        for table, keys in _LATER.items():
            value = getattr(self, table)
            empty = type(value)()
            if not keys and value == empty:
                del plain[table]
            for key in keys:
                if getattr(value, key) == getattr(empty, key):
                    del plain[table][key]
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
