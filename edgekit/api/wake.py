"""A wake word from text: synthesise, train, quantize, choose the operating point, compile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.api.wake_data import WakeSet, decoded, real, synthesise_talk, synthesise_words, without_phrase
from edgekit.api.wake_firmware import write_firmware
from edgekit.api.wake_result import choice_json, draw_pictures
from edgekit.api.wake_train import RECIPE, SMALL, Heard, make_lessons, make_model, resolve
from edgekit.core.files import write_json
from edgekit.core.progress import Progress, silent
from edgekit.data.manifest import Manifest
from edgekit.data.stream import StreamPlan
from edgekit.detect.choice import REFRACTORY, Choice, choose_detector, choose_two_stages, open_share
from edgekit.detect.operating_point import Trace
from edgekit.detect.settings import DetectorSettings, FirstStage

MODEL, FIRST_MODEL = "model.int8.tflite", "first.int8.tflite"
DETECTOR, TWO_STAGES, RESULT, FIRMWARE = "detector.json", "two_stages.json", "wake.json", "firmware"
_LABELS = 2

__all__ = ["RECIPE", "WakeConfig", "WakeResult", "wake"]


@dataclass(frozen=True, kw_only=True)
class WakeConfig:
    """What to make.

    Attributes:
        set: the word and its training set.
        negatives: real recordings without the word to learn from, ``PATH`` or ``PATH?SELECTION``.
        development: real recordings without the word to choose the threshold on.
        positives: real takes of the word to learn from.
        talk: folder of general speech that several words share; None keeps it with the word.
        overrides: ``a.b=value`` settings of the recipe.
        lesson_hours: of negatives to learn from.
        backgrounds: in which each recording of the word is learned.
        most_per_hour: upper end of the 95 % interval of false accepts an hour on the development stream.
        hours: of the development stream of negatives.
        word_minutes: of the stream with words in it, ten a minute.
        target: what is compiled for.
    """

    set: WakeSet
    negatives: tuple[str, ...] = ()
    development: tuple[str, ...] = ()
    positives: tuple[str, ...] = ()
    talk: Path | None = None
    overrides: tuple[str, ...] = ()
    lesson_hours: float = 6.0
    backgrounds: int = 3
    most_per_hour: float = 1.0
    hours: float = 6.0
    word_minutes: int = 40
    target: str = "cortex-m4"


@dataclass(frozen=True, eq=False)
class WakeResult:
    """What came of it.

    Attributes:
        folder: holds everything.
        label: of the word.
        single: detector of the word's model alone, at its operating point on the development streams.
        staged: with the first stage before it.
        opened: share of the development negatives in which the first stage lets the word's model decide.
        firmware: of the word's model ("word_…") and the first stage's ("first_…"): "macs_a_hop", and of their images
            with the front-end "flash" and "ram" in bytes.
    """

    folder: Path
    label: str
    single: Choice
    staged: Choice
    opened: float
    firmware: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "folder": str(self.folder),
            "label": self.label,
            "single": choice_json(self.single),
            "two_stages": {**choice_json(self.staged), "open_share": self.opened},
            "firmware": self.firmware,
        }


@dataclass(frozen=True, eq=False)
class _Sets:
    """What was synthesised."""

    words: Manifest
    talk: tuple[Manifest, ...]


def wake(config: WakeConfig, out: str | Path, *, cache: Path | None = None, progress: Progress = silent) -> WakeResult:
    """Make an always-on detector of a word; every step that was finished before is found again.

    The operating point is chosen on streams of voices that training did not have (the sets' validation voices) and of
    the development recordings.

    Args:
        config: what to make.
        out: folder for sets, models, detector and firmware.
        cache: folder of decoded audio.
        progress: told about every long step.

    Raises:
        EdgekitError: as the steps; no threshold that keeps the promise.
    """
    folder = Path(out)
    sets = _synthesised(config, folder, progress)
    spec = resolve(config.overrides).frontend.spec()
    _models(config, sets, folder, cache, progress)
    traces = _development(config, sets, folder, cache, progress)
    settings = DetectorSettings(outputs=_LABELS, keywords=(1,), thresholds=(1,), refractory=REFRACTORY)
    single = choose_detector(traces, settings, config.most_per_hour)
    stage = FirstStage(outputs=_LABELS, keyword=1, threshold=1)
    staged = choose_two_stages(traces, settings, stage, config.most_per_hour)
    step_ms = 1e3 * spec.hop_length / spec.sample_rate
    for name, choice in ((DETECTOR, single), (TWO_STAGES, staged)):
        write_json(folder / name, {"schema_version": 1, "step_ms": step_ms, **choice.settings.to_json()})
    models = (folder / MODEL, folder / FIRST_MODEL)
    firmware = write_firmware(
        folder / FIRMWARE, models, config.target, single.settings, staged.settings, config.set.label
    )
    opened = open_share(traces[:1], staged.settings.first or stage)
    result = WakeResult(folder, config.set.label, single, staged, opened, firmware)
    write_json(folder / RESULT, {"schema_version": 1, **result.to_json()})
    draw_pictures(folder, "development", single, staged)
    return result


def wake_traces(
    folder: Path,
    config: WakeConfig,
    words: Sequence[np.ndarray],
    backgrounds: Sequence[Sequence[np.ndarray]],
    hours: float,
    seed: int,
    progress: Progress,
) -> list[Trace]:
    """Streams of negatives, one of each kind of background, and one with words in the first kind.

    Args:
        folder: of the models.
        config: as they were made.
        words: int16 recordings of the word.
        backgrounds: kinds of int16 recordings, which share the hours by 2 : 1 : 1 …
        hours: of negatives.
        seed: of the streams.
        progress: told about blocks.
    """
    from edgekit.api.wake_stream import stream_models, stream_trace

    label = config.set.label
    weights = [2.0] + [1.0] * (len(backgrounds) - 1)
    plans = [
        StreamPlan(
            rate=config.set.rate,
            seconds=max(60, round(3600 * hours * weight / sum(weights))),
            words_per_block=0,
            seed=100 * seed + number,
        )
        for number, weight in enumerate(weights)
    ]
    placed = StreamPlan(
        rate=config.set.rate, seconds=60 * config.word_minutes, words_per_block=10, seed=100 * seed + 99
    )
    named = [(label, pcm) for pcm in words]
    with stream_models([folder / FIRST_MODEL, folder / MODEL], label) as models:
        found = [
            stream_trace(models, plan, list(kind), (), progress) for plan, kind in zip(plans, backgrounds, strict=True)
        ]
        return [*found, stream_trace(models, placed, list(backgrounds[0]), named, progress)]


def takes_of(sets: Manifest, label: str, split: str, rate: int, cache: Path | None, progress: Progress) -> list[Any]:
    """int16 recordings of a label by the voices of a split."""
    return decoded(sets.select(split=split, label=label).require_clips(), rate, cache, progress)


def _synthesised(config: WakeConfig, folder: Path, progress: Progress) -> _Sets:
    words = synthesise_words(config.set, folder / "words", progress)
    talk = synthesise_talk(config.set, config.talk or folder / "talk", progress)
    return _Sets(words, tuple(without_phrase(item, config.set.phrase) for item in talk))


def _models(config: WakeConfig, sets: _Sets, folder: Path, cache: Path | None, progress: Progress) -> None:
    """The two int8 models."""
    if (folder / MODEL).is_file() and (folder / FIRST_MODEL).is_file():
        return
    plan, recipe = config.set, resolve(config.overrides)
    words = takes_of(sets.words, plan.label, "train", plan.rate, cache, progress)
    heard = Heard(
        words=[*words, *_samples(config.positives, plan.rate, cache, progress)],
        neighbours=takes_of(sets.words, "unknown", "train", plan.rate, cache, progress),
        talk=_talk(sets, "train", plan.rate, cache, progress),
        recordings=_samples(config.negatives, plan.rate, cache, progress),
    )
    lessons = make_lessons(heard, recipe, config.lesson_hours, config.backgrounds, plan.seed, progress)
    small = resolve((*SMALL, *config.overrides))
    make_model(plan, lessons, small, folder / "first", folder / FIRST_MODEL, progress)
    make_model(plan, lessons, recipe, folder / "run", folder / MODEL, progress)


def _samples(sets: Sequence[str], rate: int, cache: Path | None, progress: Progress) -> list[np.ndarray]:
    return [pcm for _, pcm in real(sets, rate, cache, progress)]


def _talk(sets: _Sets, split: str, rate: int, cache: Path | None, progress: Progress) -> list[np.ndarray]:
    return [
        pcm for item in sets.talk for pcm in decoded(item.select(split=split).require_clips(), rate, cache, progress)
    ]


def _development(config: WakeConfig, sets: _Sets, folder: Path, cache: Path | None, progress: Progress) -> list[Trace]:
    """Streams of the development recordings and of general speech by validation voices; without recordings the latter
    and the word's neighbours, which no day is so full of: a careful threshold.
    """
    plan = config.set
    words = takes_of(sets.words, plan.label, "validation", plan.rate, cache, progress)
    talk = _talk(sets, "validation", plan.rate, cache, progress)
    if config.development:
        kinds = [_samples(config.development, plan.rate, cache, progress), talk]
    else:
        kinds = [talk, takes_of(sets.words, "unknown", "validation", plan.rate, cache, progress)]
    return wake_traces(folder, config, words, kinds, config.hours, 1, progress)
