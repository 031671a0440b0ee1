"""A wake word from text: synthesise, train, quantize, choose the operating point, compile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.api.compile import compile
from edgekit.api.export import export
from edgekit.api.quantize import quantize
from edgekit.api.train import train
from edgekit.api.wake_data import WakeSet, decoded, read_selected, synthesise_set, with_recordings
from edgekit.core.errors import DataError
from edgekit.core.files import write_json, write_text
from edgekit.core.progress import Progress, silent
from edgekit.data.manifest import Manifest
from edgekit.data.stream import StreamPlan
from edgekit.detect.evaluation import Outcome, poisson_interval
from edgekit.detect.operating_point import Point, Trace, choose_point, detection_curve, outcome_at
from edgekit.detect.settings import DetectorSettings

MODEL, DETECTOR, RESULT, FIRMWARE = "model.int8.tflite", "detector.json", "wake.json", "firmware"
SMOOTHING, REFRACTORY = 3, 12
RECIPE = "wake-word"
_DEVELOPMENT_HOURS = 1.0


@dataclass(frozen=True, kw_only=True)
class WakeConfig:
    """What to make.

    Attributes:
        set: the word and its training set.
        negatives: real recordings without the word to learn from, ``PATH`` or ``PATH?SELECTION``.
        development: real recordings without the word to choose the threshold on.
        positives: real takes of the word to learn from.
        overrides: ``a.b=value`` settings of the recipe.
        most_per_hour: false accepts an hour that the development stream may have.
        hours: of the development stream of negatives.
        word_minutes: of the stream with words in it, ten a minute.
        step_ms: between two decisions.
        target: what is compiled for.
    """

    set: WakeSet
    negatives: tuple[str, ...] = ()
    development: tuple[str, ...] = ()
    positives: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    most_per_hour: float = 1.0
    hours: float = _DEVELOPMENT_HOURS
    word_minutes: int = 20
    step_ms: float = 100.0
    target: str = "cortex-m4"


@dataclass(frozen=True, eq=False)
class WakeResult:
    """What came of it.

    Attributes:
        folder: holds everything.
        label: of the word.
        point: chosen on the development streams.
        curve: all thresholds that were tried there.
        settings: of the detector.
        firmware: sizes in bytes: "flash", "ram"; empty where nothing was built.
    """

    folder: Path
    label: str
    point: Point
    curve: tuple[Point, ...]
    settings: DetectorSettings
    firmware: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "folder": str(self.folder),
            "label": self.label,
            "detector": self.settings.to_json(),
            "development": outcome_json(self.point.outcome),
            "curve": [{"threshold": p.threshold, **outcome_json(p.outcome)} for p in self.curve],
            "firmware": self.firmware,
        }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Counts, rates, the exact 95 % interval of false accepts an hour, and latency."""
    low, high = poisson_interval(outcome.false_accepts, outcome.hours)
    return {
        "hours": outcome.hours,
        "words": outcome.words,
        "hits": outcome.hits,
        "miss_rate": outcome.miss_rate,
        "false_accepts": outcome.false_accepts,
        "false_accepts_per_hour": outcome.false_accepts_per_hour,
        "false_accepts_per_hour_95": [low, high],
        "latency_s_median": float(np.median(outcome.latencies)) if outcome.latencies else None,
        "groups": {name: {"words": count, "hits": hits} for name, (count, hits) in sorted(outcome.groups.items())},
    }


def wake(config: WakeConfig, out: str | Path, *, cache: Path | None = None, progress: Progress = silent) -> WakeResult:
    """Make an always-on detector of a word; every step that was finished before is found again.

    The threshold is chosen on streams of voices that training did not have (the set's validation voices) and of the
    development recordings, at most ``most_per_hour`` false accepts an hour of them.

    Args:
        config: what to make.
        out: folder for set, run, models, detector and firmware.
        cache: folder of decoded audio.
        progress: told about every long step.

    Raises:
        EdgekitError: as the steps; no threshold that keeps the promise.
    """
    folder = Path(out)
    synthetic = synthesise_set(config.set, folder / "words", progress)
    data = with_recordings(synthetic, config.set, config.negatives, config.positives)
    train(
        RECIPE,
        data,
        folder / "run",
        train_select="split=train",
        valid_select="split=validation",
        overrides=config.overrides,
        cache=cache,
        progress=progress,
    )
    exported = export(folder / "run", folder / "export")
    model = folder / MODEL
    if not model.is_file():
        # synthetic clips have the model's rate; recordings may have a lower one, whose empty bands mislead ranges
        quantize(exported.model, synthetic, model, select="split=train", cache=cache, progress=progress)
    words = [(config.set.label, pcm) for pcm in _takes(synthetic, config.set, "validation", cache, progress)]
    backgrounds = _backgrounds(config.development, synthetic, config.set, cache, progress)
    traces = wake_traces(model, config, words, backgrounds, config.hours, seed=1, progress=progress)
    curve = detection_curve(traces, SMOOTHING, REFRACTORY)
    point = choose_point(curve, config.most_per_hour)
    labels = tuple(exported.labels.read_text("utf-8").split())
    settings = DetectorSettings(
        outputs=len(labels),
        keywords=(labels.index(config.set.label),),
        thresholds=(point.threshold,),
        smoothing=SMOOTHING,
        refractory=REFRACTORY,
    )
    write_json(folder / DETECTOR, {"schema_version": 1, "step_ms": config.step_ms, **settings.to_json()})
    result = WakeResult(folder, config.set.label, point, curve, settings, _firmware(folder, config, settings, labels))
    write_json(folder / RESULT, {"schema_version": 1, **result.to_json()})
    return result


def wake_traces(
    model: Path,
    config: WakeConfig,
    words: Sequence[tuple[str, np.ndarray]],
    backgrounds: Sequence[np.ndarray],
    hours: float,
    *,
    seed: int,
    progress: Progress,
) -> list[Trace]:
    """A stream of negatives and one with words in it, heard by the int8 model."""
    from edgekit.api.wake_stream import stream_model, stream_trace

    rate = config.set.rate
    negative = StreamPlan(rate=rate, seconds=round(hours * 3600), words_per_block=0, seed=2 * seed)
    positive = StreamPlan(rate=rate, seconds=60 * config.word_minutes, words_per_block=10, seed=2 * seed + 1)
    with stream_model(model, config.step_ms) as heard:
        output = _output(config, model)
        return [stream_trace(heard, output, plan, backgrounds, words, progress) for plan in (negative, positive)]


def evaluate_wake(
    folder: str | Path,
    config: WakeConfig,
    negatives: Sequence[str],
    *,
    hours: float = 5.0,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Outcome:
    """What a finished detector does on voices and recordings that neither training nor its threshold had.

    Args:
        folder: of :func:`wake`.
        config: as it was made.
        negatives: real recordings, ``PATH`` or ``PATH?SELECTION``.
        hours: of the stream of negatives; words are placed in ``config.word_minutes`` more.
        cache: folder of decoded audio.
        progress: told about blocks.

    Raises:
        DataError: no recording, or no test voice.
    """
    from edgekit.detect.evaluation import joined, smoothed
    from edgekit.detect.settings import settings_from

    place = Path(folder)
    synthetic = synthesise_set(config.set, place / "words", progress)
    words = [(config.set.label, pcm) for pcm in _takes(synthetic, config.set, "test", cache, progress)]
    backgrounds = _real(negatives, config.set.rate, cache, progress)
    traces = wake_traces(place / MODEL, config, words, backgrounds, hours, seed=7, progress=progress)
    plain = json.loads((place / DETECTOR).read_text("utf-8"))
    settings = settings_from({k: v for k, v in plain.items() if k not in ("schema_version", "step_ms")})
    outcomes = []
    for trace in traces:
        sums = smoothed(trace.shares[:, None], settings.smoothing)[:, 0]
        outcomes.append(outcome_at(trace, sums, settings.thresholds[0], settings.smoothing, settings.refractory))
    return joined(outcomes)


def _takes(synthetic: Manifest, plan: WakeSet, split: str, cache: Path | None, progress: Progress) -> list[np.ndarray]:
    """Recordings of the word by the voices of a split."""
    return decoded(synthetic.select(split=split, label=plan.label).require_clips(), plan.rate, cache, progress)


def _backgrounds(
    sets: Sequence[str], synthetic: Manifest, plan: WakeSet, cache: Path | None, progress: Progress
) -> list[np.ndarray]:
    """The development recordings; without any, the set's own other words and noises by voices of validation.

    The own words are full of the word's neighbours, more than any day has: a threshold chosen on them is a careful one.
    """
    if sets:
        return _real(sets, plan.rate, cache, progress)
    own = synthetic.where(lambda clip: clip.split == "validation" and clip.label != plan.label).require_clips()
    return decoded(own, plan.rate, cache, progress)


def _real(sets: Sequence[str], rate: int, cache: Path | None, progress: Progress) -> list[np.ndarray]:
    return [pcm for text in sets for pcm in decoded(read_selected(text), rate, cache, progress)]


def _output(config: WakeConfig, model: Path) -> int:
    from edgekit.graph.ops import LABELS_KEY
    from edgekit.graph.readers.load import load_graph

    labels = json.loads(load_graph(model).metadata.get(LABELS_KEY, "[]"))
    if config.set.label not in labels:
        raise DataError(f"the model does not know {config.set.label!r}", where=str(model), mend="make it anew")
    place: int = labels.index(config.set.label)
    return place


def _firmware(folder: Path, config: WakeConfig, settings: DetectorSettings, labels: tuple[str, ...]) -> dict[str, int]:
    """The model's image for the target, with the detector's sources beside it."""
    from edgekit.api.wake_stream import output_scale
    from edgekit.deploy.detector.generate import generate_detector

    compiled = compile(folder / MODEL, config.target, out=folder / FIRMWARE, name="wake")
    for name, text in generate_detector(settings, output_scale(folder / MODEL), labels, "wake").files.items():
        write_text(folder / FIRMWARE / name, text)
    return {"flash": compiled.sizes.flash, "ram": compiled.sizes.ram} if compiled.sizes else {}
