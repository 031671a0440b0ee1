"""One experiment of the accuracy campaign: train or distil, quantize after training, score float and integers.

An experiment is data. Whatever it needs that another experiment made (a teacher, weights to begin from) it names by
that experiment's name; the campaign runs those first.
"""

from __future__ import annotations

import dataclasses
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.api.check_budget import check_budget
from edgekit.api.data import synthesise
from edgekit.api.distill import distill
from edgekit.api.evaluate import evaluate
from edgekit.api.export import export
from edgekit.api.join import join
from edgekit.api.quantize import quantize
from edgekit.api.train import train
from edgekit.core.digest import digest_json
from edgekit.core.progress import Progress
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Manifest
from edgekit.data.mix import helping
from edgekit.data.selector import select_clips
from edgekit.data.synth.config import SynthConfig
from edgekit.quantize.ptq import PtqOptions
from edgekit.train.checkpoint import load_checkpoint

FLOAT_RUN, INT8_FILE = "run", "model.int8.tflite"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One run of the campaign, and one row of its table.

    Attributes:
        name: unique, for instance "fsdd/final/george".
        dataset: folder below EDGEKIT_DATA, or name of a synthetic set.
        step: group that the summary averages over ("final", "no KD", "few-shot pre-trained").
        recipe: name of a shipped recipe, or a TOML file.
        fold: what the replicate leaves out or is tested on, as the table names it.
        seed: of the recipe.
        train, valid, test: selections of clips of ``dataset``; ``valid`` may be "none".
        overrides: ``a.b=value`` settings of the recipe besides the seed.
        clips: training clips of each class that are kept (few-shot); None keeps all.
        with_sets: sets whose training clips are joined to it, NAME or NAME@SHARE.
        start: name of the experiment whose weights the run begins from; "" begins from random ones.
        teachers: names of the experiments that teach; they are asked in every step.
        joins: names of the experiments whose models are joined into this one; nothing is trained then, and
            ``overrides`` are arguments of their models.
        int8: whether the row has an int8 model (teachers have none).
        about: what the row is for, one line.
    """

    name: str
    dataset: str
    step: str
    recipe: str
    fold: str
    train: str
    test: str
    valid: str = "none"
    seed: int = 0
    overrides: tuple[str, ...] = ()
    clips: int | None = None
    with_sets: tuple[str, ...] = ()
    start: str = ""
    teachers: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    int8: bool = True
    about: str = ""

    @property
    def settings(self) -> tuple[str, ...]:
        """All overrides, the seed included."""
        return (*self.overrides, f"seed={self.seed}")

    @property
    def needs(self) -> tuple[str, ...]:
        """Experiments that must have run before."""
        return (*self.teachers, *self.joins, *((self.start,) if self.start else ()))

    def digest(self, needed: Mapping[str, str], sets: Mapping[str, SynthConfig]) -> str:
        """Of everything that decides the run: what differs from the defaults, the recipe as written, sets and needs."""
        chosen = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        used = [name for text in (self.dataset, *self.with_sets) if (name := text.partition("@")[0]) in sets]
        parts = {
            "experiment": {name: value for name, value in chosen.items() if name not in ("about", "step")},
            "recipe": recipe_table(self.recipe),
            "sets": [sets[name].digest for name in used],
            "needs": [needed[name] for name in self.needs],
        }
        return digest_json(parts)


def recipe_table(recipe: str) -> dict[str, Any]:
    """The recipe's file as written, less its description: defaults that come to edgekit later change no digest."""
    shipped = resources.files("edgekit.train") / "recipes" / f"{recipe}.toml"
    text = shipped.read_text("utf-8") if shipped.is_file() else Path(recipe).read_text("utf-8")
    return {key: value for key, value in tomllib.loads(text).items() if key != "about"}


@dataclass(frozen=True)
class Workplace:
    """Where the campaign keeps its runs and finds its recordings.

    Attributes:
        data: folder with the real data sets.
        work: folder of runs, rendered sets and finished rows.
        sets: synthetic sets by name; their microphone folders lie in ``data``.
        progress: told about every long step.
    """

    data: Path
    work: Path
    sets: Mapping[str, SynthConfig] = field(default_factory=dict)
    progress: Progress = lambda *_: None

    def manifest(self, name: str) -> Manifest:
        """The data set ``name``, rendered now where it is synthetic and not there yet."""
        if name not in self.sets:
            return read_manifest(self.data / name)
        config = self.sets[name]
        if config.microphone_folder is not None:
            config = dataclasses.replace(config, microphone_folder=self.data / config.microphone_folder)
        return synthesise(config, self.work / "sets" / name, self.progress, workers=1)

    def share(self, text: str) -> Manifest:
        """``NAME@SHARE``: a share of that set's training clips, which help to train another one."""
        name, _, share = text.partition("@")
        return helping(self.manifest(name), float(share or 1.0))

    def folder(self, name: str, digest: str) -> Path:
        """Folder of the experiment ``name`` as it stands."""
        short = digest.removeprefix("sha256:")[:12]
        return self.work / "runs" / f"{name.replace('/', '-').replace(' ', '_')}-{short}"


def run_experiment(
    experiment: Experiment, folder: Path, needed: Mapping[str, Path], place: Workplace
) -> dict[str, Any]:
    """Train, quantize and score; an interrupted training goes on. Returns the row without its digest.

    Args:
        experiment: what to do.
        folder: of the run.
        needed: folders of the experiments that it needs, by name.
        place: recordings and work folder.
    """
    real = place.manifest(experiment.dataset)
    chosen = few_clips(real, experiment)
    run = folder / FLOAT_RUN
    if experiment.joins:
        _join([needed[name] / FLOAT_RUN for name in experiment.joins], run, experiment.overrides)
    else:
        _train(experiment, [chosen, *(place.share(name) for name in experiment.with_sets)], folder, needed, place)

    def accuracy(model: Path) -> float:
        return evaluate(model, real, select=experiment.test, progress=place.progress).scores.accuracy

    row: dict[str, Any] = {
        "dataset": experiment.dataset,
        "step": experiment.step,
        "fold": experiment.fold,
        "clips": experiment.clips,
        "seed": experiment.seed,
        "recipe": experiment.recipe,
        "overrides": list(experiment.overrides),
        "teachers": list(experiment.teachers),
        "start": experiment.start,
        "joins": list(experiment.joins),
        "name": experiment.name,
        "model": load_checkpoint(run).model,
        "float_accuracy": accuracy(run),
        "int8_accuracy": None,
    }
    exported = export(run, folder / "export")
    if not experiment.int8:
        return row | _counts(exported.model)
    # int8 with the norms of transformers in int16: widths that follow from a model's own error would mix two things
    options, out = PtqOptions(), folder / INT8_FILE
    made = quantize(exported.model, chosen, out, select=experiment.train, ptq=options, progress=place.progress)
    return row | _counts(made.tflite) | {"int8_accuracy": accuracy(made.tflite)}


def _join(runs: Sequence[Path], run: Path, overrides: Sequence[str]) -> None:
    if run.exists():  # of a row that was interrupted afterwards
        shutil.rmtree(run)
    join(runs, run, overrides=overrides)


def _train(
    experiment: Experiment, data: Sequence[Manifest], folder: Path, needed: Mapping[str, Path], place: Workplace
) -> None:
    overrides = list(experiment.settings)
    if experiment.start:
        overrides.append(f"start.weights={needed[experiment.start] / FLOAT_RUN}")
    common: dict[str, Any] = {
        "train_select": experiment.train,
        "overrides": overrides,
        "device": "cpu",
        "progress": place.progress,
    }
    run = folder / FLOAT_RUN
    if not experiment.teachers:
        train(experiment.recipe, data, run, valid_select=experiment.valid, **common)
        return
    teachers = [needed[name] / FLOAT_RUN for name in experiment.teachers]
    distill(experiment.recipe, teachers, data, run, valid_select=experiment.valid, **common)


def _counts(model: Path) -> dict[str, Any]:
    """Parameters and true MACs of a window, by edgekit's own counter."""
    quantities = check_budget(model, "thesis-128kB-30MMAC").models[0].quantities
    value = {name: q.value if q else None for name, q in quantities.items()}
    return {"parameters": value.get("parameters"), "macs_true": value.get("macs_true")}


def few_clips(data: Manifest, experiment: Experiment) -> Manifest:
    """``data`` with ``experiment.clips`` training clips a class, drawn by its seed; other clips stay as they are."""
    if experiment.clips is None:
        return data
    draw = np.random.default_rng([experiment.seed, experiment.clips])
    pool = select_clips(data, experiment.train).clips
    kept: set[str] = set()
    for label in data.labels:
        ids: Sequence[str] = sorted(clip.id for clip in pool if clip.label == label)
        kept |= {ids[i] for i in draw.permutation(len(ids))[: experiment.clips]}
    dropped = {clip.id for clip in pool} - kept
    return data.where(lambda clip: clip.id not in dropped)
