"""Recipes: what a training run does, as data. TOML in, frozen dataclasses out, nothing guessed.

A key that a recipe leaves out has the default below; a key that does not exist is an error that suggests the right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgekit.core.errors import BadConfigError
from edgekit.features.spec import FrontendSpec, load_spec
from edgekit.train.distillation.choice import Distillation
from edgekit.train.limits import check_limits as _check


@dataclass(frozen=True, kw_only=True)
class FrontendChoice:
    """``[frontend]``: which features.

    Attributes:
        preset: name of a preset, or path of a ``frontend.json``.
        fields: fields of the spec that differ from the preset, for instance ``clip_samples``.
        normalise: "estimate" takes mean and std from the training clips and writes them into the spec (so that its
            digest covers them), "spec" keeps those of the preset.
    """

    preset: str = "kws-logmel-40"
    fields: Mapping[str, Any] = field(default_factory=dict)
    normalise: Literal["estimate", "spec"] = "estimate"

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
        warmup_epochs: linear rise of the learning rate from 0; a cosine to 0 follows.
        label_smoothing: share of the target spread over all classes.
        ema_decay: decay a step of the averaged weights that are validated and kept; 0 keeps the weights themselves.
        clip_norm: gradients are scaled down to this norm; 0 does not.
        balance: "classes" draws every class equally often, "none" every clip once an epoch.
        keep: weights of the "best" epoch by validation macro accuracy (then loss), or of the "last".
        valid_every: validate every so many epochs (and after the last).
    """

    epochs: int = 60
    batch_size: int = 64
    warmup_epochs: float = 3.0
    label_smoothing: float = 0.1
    ema_decay: float = 0.0
    clip_norm: float = 5.0
    balance: Literal["classes", "none"] = "none"
    keep: Literal["best", "last"] = "best"
    valid_every: int = 1

    def __post_init__(self) -> None:
        _check("schedule", epochs=(self.epochs, 1, 100_000), batch_size=(self.batch_size, 2, 65_536))
        _check("schedule", warmup_epochs=(self.warmup_epochs, 0.0, 1e5), clip_norm=(self.clip_norm, 0.0, 1e6))
        _check("schedule", label_smoothing=(self.label_smoothing, 0.0, 0.9), ema_decay=(self.ema_decay, 0.0, 0.99999))
        _check("schedule", valid_every=(self.valid_every, 1, 100_000))


@dataclass(frozen=True, kw_only=True)
class Augment:
    """``[augment]``: what is done to each training clip, drawn anew for each clip and step. 0 switches a part off.

    On the waveform:

    Attributes:
        shift_ms: the clip starts up to this much earlier or later; silence comes in.
        speed: resampled by a factor from 1/(1+speed) to 1+speed, so pitch, formants and tempo move together.
        gain_db: louder or softer by up to this.
        noise_probability: share of clips with noise mixed in: white to brown, or stretches of the clips whose label
            is a silence label, at a signal-to-noise ratio from ``noise_snr_db``.
        noise_snr_db: (lowest, highest).

    On the features:

    Attributes:
        stretch: duration times a factor from 1/(1+stretch) to 1+stretch, pitch kept.
        formant_warp: frequencies times a factor from 1/(1+warp) to 1+warp, duration kept (vocal tract length).
        equaliser_db: a random smooth curve over the mel bins of up to this many dB, as another microphone has it.
        mixstyle_probability, mixstyle_alpha: share of batches in which each clip takes over part of another's mean and
            deviation of every bin (Freq-MixStyle), and the Beta parameter.
        time_masks, time_mask_frames, frequency_masks, frequency_mask_bins: SpecAugment; widths are drawn from 0 to
            the given one and filled with the features' mean.
        mixup_probability, mixup_alpha: share of batches in which clips are mixed in pairs, and the Beta parameter.
    """

    shift_ms: float = 0.0
    speed: float = 0.0
    gain_db: float = 0.0
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, float] = (5.0, 30.0)
    stretch: float = 0.0
    formant_warp: float = 0.0
    equaliser_db: float = 0.0
    mixstyle_probability: float = 0.0
    mixstyle_alpha: float = 0.4
    time_masks: int = 0
    time_mask_frames: int = 0
    frequency_masks: int = 0
    frequency_mask_bins: int = 0
    mixup_probability: float = 0.0
    mixup_alpha: float = 0.3

    def __post_init__(self) -> None:
        _check("augment", shift_ms=(self.shift_ms, 0.0, 60_000.0), gain_db=(self.gain_db, 0.0, 60.0))
        _check("augment", speed=(self.speed, 0.0, 1.0), stretch=(self.stretch, 0.0, 1.0))
        _check("augment", formant_warp=(self.formant_warp, 0.0, 1.0), equaliser_db=(self.equaliser_db, 0.0, 60.0))
        _check("augment", noise_probability=(self.noise_probability, 0.0, 1.0))
        _check(
            "augment", mixup_probability=(self.mixup_probability, 0.0, 1.0), mixup_alpha=(self.mixup_alpha, 1e-3, 100)
        )
        _check("augment", mixstyle_probability=(self.mixstyle_probability, 0.0, 1.0))
        _check("augment", mixstyle_alpha=(self.mixstyle_alpha, 1e-3, 100))
        for name in ("time_masks", "time_mask_frames", "frequency_masks", "frequency_mask_bins"):
            _check("augment", **{name: (getattr(self, name), 0, 10_000)})
        if self.noise_snr_db[0] > self.noise_snr_db[1]:
            raise BadConfigError("noise_snr_db runs backwards", where="augment", mend="write [lowest, highest]")


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


_LATER_TABLES = ("class_weights", "distillation")
"""Left out of a recipe's plain form where they change nothing, so that runs from before these tables go on."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run: front-end, model, optimiser, schedule, augmentation, class weights, distillation, seed."""

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

    def __post_init__(self) -> None:
        _check("recipe", seed=(self.seed, 0, 2**31 - 1))

    def to_json(self) -> dict[str, Any]:
        """Plain values, tables as dictionaries; :func:`edgekit.train.recipe_file.recipe_from` reads them back."""
        plain: dict[str, Any] = _plain(asdict(self))
        empty = {"class_weights": ClassWeights(), "distillation": Distillation()}
        for name in _LATER_TABLES:
            if getattr(self, name) == empty[name]:
                del plain[name]
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
