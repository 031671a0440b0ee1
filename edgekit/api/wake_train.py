"""From recordings to the two int8 models of a wake word: a small one that always hears, a larger one that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.api.export import Exported, export
from edgekit.api.quantize import quantize
from edgekit.api.wake_data import UNKNOWN, WakeSet
from edgekit.core import run_files
from edgekit.core.errors import BadConfigError
from edgekit.core.progress import Progress
from edgekit.data.stream import StreamPlan
from edgekit.data.synth.tones import tones

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec
    from edgekit.train.recipe import Recipe
    from edgekit.train.wake.fit import Lesson
    from edgekit.train.wake.stretches import Stretches

RECIPE = "wake-word"
SMALL = ("model.arguments.channels=[32,32,32,32]", "model.arguments.dropout=0.0", "schedule.epochs=6")
"""What the first stage's model has other than the recipe's."""
_CALIBRATION = 512
_SNR_DB = (-2.0, 25.0)
_TONES = 180
_SPEEDS = (0.88, 1.12)  # real recordings are heard slower and faster, too


@dataclass(frozen=True, eq=False)
class Heard:
    """int16 recordings to learn from, at the set's rate.

    Attributes:
        words: the word alone.
        neighbours: words that sound alike.
        talk: general speech.
        recordings: real ones without the word; may be empty.
    """

    words: Sequence[np.ndarray]
    neighbours: Sequence[np.ndarray]
    talk: Sequence[np.ndarray]
    recordings: Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class Lessons:
    """What the models learn from.

    Attributes:
        words, others: stretches with and without the word; those of its neighbours are the last of these.
        neighbours: how many these are.
        spec: front-end with the mean and deviation of these.
    """

    words: Stretches
    others: Stretches
    neighbours: int
    spec: FrontendSpec


def resolve(overrides: Sequence[str]) -> Recipe:
    """The recipe with overrides.

    Raises:
        BadConfigError: a bad override, another model, or a front-end that the stretches do not know.
    """
    from edgekit.train.recipe_file import load_recipe

    recipe = load_recipe(RECIPE, overrides)
    spec = recipe.frontend.spec()
    streams = spec.padding == "none" and spec.layout == "time_freq" and not spec.preemphasis
    if recipe.model.name != "ds-tcn" or not streams or spec.log != "ln" or spec.log_floor_mode != "add":
        mend = "keep ds-tcn, natural logarithms with a floor that is added, and frames without padding"
        raise BadConfigError("wake words are learned on streams of log-mel frames", where=RECIPE, mend=mend)
    return recipe


def make_lessons(heard: Heard, recipe: Recipe, hours: float, takes: int, seed: int, progress: Progress) -> Lessons:
    """Streams of negatives, and every word in ``takes`` backgrounds, as features.

    Args:
        heard: recordings.
        recipe: of :func:`resolve`.
        hours: of negatives.
        takes: stretches a recording of the word.
        seed: of everything.
        progress: told about streams.
    """
    from edgekit.train.wake.stretches import joined_stretches, negative_stretches, word_stretches

    spec = recipe.frontend.spec().replace(mean=0.0, std=1.0)
    kinds = _negatives(heard, spec.sample_rate, seed)
    parts = []
    for number, (pcm, share, layers) in enumerate(kinds):
        seconds = max(60, round(3600 * hours * share))
        plan = StreamPlan(rate=spec.sample_rate, seconds=seconds, words_per_block=0, layers=layers, seed=100 + number)
        parts.append(negative_stretches(spec, spec.frames, replace(plan, seed=plan.seed + 1000 * seed), pcm))
        progress("streams to learn from", number + 1, len(kinds) + 1)
    around = [pcm for recordings, _, _ in kinds[:-1] for pcm in recordings]
    words = word_stretches(spec, heard.words, around, takes, _SNR_DB, 17 + seed)
    progress("streams to learn from", len(kinds) + 1, len(kinds) + 1)
    others = joined_stretches(parts)
    some = others.features[:: max(1, len(others.ends) // 400)].astype(np.float32)
    return Lessons(words, others, len(parts[-1].ends), spec.replace(mean=float(some.mean()), std=float(some.std())))


def _negatives(heard: Heard, rate: int, seed: int) -> list[tuple[list[np.ndarray], float, int]]:
    """(recordings, share of the hours, recordings at once) of each kind of negative; neighbours last."""
    played = tones(_TONES, rate, seed)
    talk = list(heard.talk)
    lively = [*heard.recordings, *_speeds(heard.recordings, seed)]
    crowd = [*talk, *heard.recordings, *played]
    kinds = [(talk, 0.35, 2), (played, 0.05, 2), (crowd, 0.2, 5)]
    if lively:
        kinds.append((lively, 0.3, 2))
    return [*kinds, ([*heard.neighbours], 0.1, 2)]


def _speeds(recordings: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Each recording at another speed (and so pitch), every second one backwards."""
    draw = np.random.default_rng([seed, 5])
    out = []
    for number, pcm in enumerate(recordings):
        place = np.arange(0.0, len(pcm) - 1, draw.uniform(*_SPEEDS))
        changed = np.interp(place, np.arange(len(pcm)), pcm).astype(np.int16)
        out.append(changed[::-1].copy() if number % 2 else changed)
    return out


def lesson_of(recipe: Recipe, seed: int) -> Lesson:
    """How a model learns, by the recipe's schedule and augmentation."""
    from edgekit.train.wake.fit import Lesson
    from edgekit.train.wake.vary import Variation

    schedule, augment = recipe.schedule, recipe.augment
    return Lesson(
        epochs=schedule.epochs,
        batch_size=schedule.batch_size,
        learning_rate=recipe.optimiser.learning_rate,
        weight_decay=recipe.optimiser.weight_decay,
        ema_decay=schedule.ema_decay,
        variation=Variation(
            gain_db=augment.gain_db,
            equaliser_db=augment.equaliser_db,
            warp=augment.formant_warp,
            mask_frames=augment.time_mask_frames,
            mask_bins=augment.frequency_mask_bins,
        ),
        seed=seed,
    )


def make_model(
    plan: WakeSet, lessons: Lessons, recipe: Recipe, folder: Path, tflite: Path, progress: Progress
) -> Exported:
    """Train one model, export and quantize it; what is there is found again.

    Args:
        plan: names the label.
        lessons: to learn from.
        recipe: model and schedule.
        folder: for checkpoint and export.
        tflite: the int8 model to write.
        progress: told about steps.
    """
    from edgekit.train.checkpoint import Checkpoint, save_checkpoint
    from edgekit.train.wake.fit import fit

    if not (folder / run_files.CHECKPOINT).is_file():
        fresh, lesson = _fresh(recipe, plan.seed), lesson_of(recipe, plan.seed)
        mined = len(lessons.others.ends) - lessons.neighbours
        module = fit(fresh, lessons.words, lessons.others, lessons.spec, lesson, progress, mined)
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint = Checkpoint(
            model=recipe.model.name,
            arguments=_arguments(recipe),
            frontend=lessons.spec,
            labels=(UNKNOWN, plan.label),
            weights=module.state_dict(),
            recipe=recipe.to_json(),
        )
        save_checkpoint(checkpoint, folder / run_files.CHECKPOINT)
    exported = export(folder, folder / "export")
    if not tflite.is_file():
        quantize(exported.model, calibration_windows(lessons), tflite, progress=progress)
    return exported


def calibration_windows(lessons: Lessons) -> np.ndarray:
    """Windows of both kinds, a quarter of them at the word's end: float32 [N, frames, bins, 1]."""
    spec = lessons.spec
    draw = np.random.default_rng(3)
    rows = []
    for number in range(_CALIBRATION):
        source = lessons.words if number % 4 == 0 else lessons.others
        index = int(draw.integers(len(source.ends)))
        most = source.features.shape[1] - spec.frames
        start = int(np.clip(source.ends[index] - spec.frames + 4, 0, most)) if number % 4 == 0 else draw.integers(most)
        rows.append(source.features[index, start : start + spec.frames].astype(np.float32))
    windows: np.ndarray = ((np.stack(rows) - spec.mean) / spec.std)[..., None].astype(np.float32)
    return windows


def _arguments(recipe: Recipe) -> dict[str, Any]:
    return {**recipe.model.arguments, "classes": 2}


def _fresh(recipe: Recipe, seed: int) -> Any:
    import torch

    from edgekit.models.registry import build_model

    torch.manual_seed(seed)
    return build_model(recipe.model.name, **_arguments(recipe))
