"""One run as a report has it: everything that is known as plain JSON values, and what is not known by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.report_costs import layer_rows, measured_rows, memory_of, verdict_of
from edgekit.api.report_files import RunFiles, read_history, read_object, read_text
from edgekit.api.report_provenance import provenance_of
from edgekit.core import run_files
from edgekit.core.model_metadata import FRONTEND_KEY, LABELS_KEY

if TYPE_CHECKING:
    from edgekit.api.check_budget import Budgets
    from edgekit.api.evaluation_clips import EvaluatedModel

Json = dict[str, Any]
_NOT_EVALUATED = "give the recordings with --data, or the JSON of 'edgekit eval' with --eval"


@dataclass(frozen=True, eq=False)
class ReportedRun:
    """A run in the published shape, and the evaluated models for what JSON does not hold: pictures and sound.

    Attributes:
        files: on disk.
        facts: one entry of ``runs`` of ``edgekit report --format json``.
        float_model, int8_model: with their clips; None where recordings were not given, or there is no such model.
    """

    files: RunFiles
    facts: Json
    float_model: EvaluatedModel | None = None
    int8_model: EvaluatedModel | None = None

    @property
    def primary(self) -> EvaluatedModel | None:
        """The model that goes onto the device, else the float one."""
        return self.int8_model or self.float_model


def reported_run(
    files: RunFiles,
    answers: Mapping[Path, EvaluatedModel],
    evaluations: Mapping[str, Json],
    measured: Sequence[Json],
    budgets: Budgets,
    times: Mapping[str, float] | None,
) -> ReportedRun:
    """Gather the facts of one run.

    Args:
        files: of the run.
        answers: evaluated models by path; empty where no recordings were given.
        evaluations: entries of ``edgekit eval --format json`` by model name, for what ``answers`` has not.
        measured: rows of ``edgekit bench --format json``.
        budgets: to judge the model by.
        times: microseconds by layer of the integer model, where they were measured.

    Raises:
        BadFileError: a damaged file of the run.
    """
    models = {"float": files.float_model, "int8": files.int8}
    heard = {role: answers.get(path) if path else None for role, path in models.items()}
    scores = {role: _evaluation(models[role], heard[role], evaluations) for role in models}
    road = read_object(files.road) if files.road else None
    verdict = verdict_of(files.counted, _shown(files), budgets, _measured(scores)) if files.counted else None
    memory = memory_of(verdict)
    metadata = _metadata(files.counted)
    tested = next((model for model in heard.values() if model is not None), None)
    facts: Json = {
        "name": files.name,
        "labels": _labels(scores, metadata),
        "training": _training(files.folder) if files.folder else None,
        "evaluations": scores,
        "quantization": _compared(heard["float"], heard["int8"]),
        "verdict": verdict,
        "layers": layer_rows(verdict, memory, times) if verdict else [],
        "memory": memory,
        "on_chip": _on_chip(road),
        "measurements": measured_rows(measured, road, _names(files)),
        "frontend": _frontend(files.folder, metadata),
        "provenance": provenance_of(files, tested),
    }
    facts["missing"] = _missing(facts, files)
    return ReportedRun(files, facts, heard["float"], heard["int8"])


def _on_chip(road: Json | None) -> Json | None:
    """What a road's emulated chip answered from PCM, and how often as the integer interpreter did."""
    if road is None:
        return None
    heard, equal = road.get("accuracy", {}).get("on_chip"), road.get("on_chip_labels_equal_to_interpreter", {})
    return {**heard, "equal": equal.get("equal")} if heard else None


def _shown(files: RunFiles) -> str:
    """What the verdict calls the model that was counted."""
    return f"{files.name}, exported for this report" if files.counted == files.probe else str(files.counted)


def _names(files: RunFiles) -> set[str]:
    paths = (files.float_model, files.exported, files.int8)
    return {text for path in paths if path is not None for text in (path.name, str(path))}


def _evaluation(path: Path | None, heard: EvaluatedModel | None, known: Mapping[str, Json]) -> Json | None:
    if heard is not None:
        from edgekit.train.evaluation.evaluation_json import evaluation_json

        return evaluation_json(heard.evaluation)
    if path is None:
        return None
    return known.get(str(path)) or known.get(path.name)


def _measured(scores: Mapping[str, Json | None]) -> dict[str, float] | None:
    """What limits on accuracy are held against."""
    device = scores["int8"] or scores["float"]
    if device is None:
        return None
    measured = {"accuracy": float(device["accuracy"])}
    if scores["int8"] and scores["float"]:
        measured["accuracy_drop"] = float(scores["float"]["accuracy"] - scores["int8"]["accuracy"])
    return measured


def _compared(a: EvaluatedModel | None, b: EvaluatedModel | None) -> Json | None:
    if a is None or b is None:
        return None
    from edgekit.train.evaluation.comparison import compare

    return compare(a.evaluation, b.evaluation).to_json()


def _training(folder: Path) -> Json:
    ended = (folder / run_files.METRICS).is_file()  # an interrupted run has an epoch and weights, and no result yet
    metrics = read_object(folder / run_files.METRICS) if ended else {}
    start, loss = folder / run_files.START, metrics.get("validation")
    return {
        "ended": ended,
        "epoch": metrics.get("epoch"),
        "validation": loss if isinstance(loss, dict) else None,
        "history": read_history(folder / run_files.HISTORY),
        "recipe": read_text(folder / run_files.RECIPE),
        "started": read_object(start) if start.is_file() else None,
    }


def _metadata(path: Path | None) -> Mapping[str, str]:
    """Texts that travel in the model file; a file that cannot be read has its own finding in the verdict."""
    from edgekit.core.errors import EdgekitError

    if path is None:
        return {}
    from edgekit.graph.readers.load import load_graph

    try:
        if path.is_dir() or path.suffix.lower() == ".safetensors":
            from edgekit.budget.checkpoint import read_checkpoint

            return read_checkpoint(run_files.checkpoint_of(path))[0].metadata
        return load_graph(path).metadata
    except EdgekitError:
        return {}


def _labels(scores: Mapping[str, Json | None], metadata: Mapping[str, str]) -> list[str] | None:
    for entry in scores.values():
        if entry is not None:
            return list(entry["labels"])
    try:
        found = json.loads(metadata.get(LABELS_KEY, "null"))
    except ValueError:
        return None
    return [str(label) for label in found] if isinstance(found, list) else None


def _frontend(folder: Path | None, metadata: Mapping[str, str]) -> Json | None:
    from edgekit.features.spec import from_json

    text, where = metadata.get(FRONTEND_KEY), "the model's metadata"
    if text is None and folder is not None and (folder / run_files.FRONTEND).is_file():
        text, where = read_text(folder / run_files.FRONTEND), str(folder / run_files.FRONTEND)
    if text is None:
        return None
    spec = from_json(text, where=where)
    return {"digest": spec.digest, "spec": spec.to_json(), "frames": spec.frames, "bins": spec.bins}


def _missing(facts: Json, files: RunFiles) -> list[Json]:
    """What a reader could look for and does not find, and how to have it."""
    scores, provenance = facts["evaluations"], facts["provenance"]
    quantize = "make one with 'edgekit quantize', and give it with --int8"
    wanted = (
        ("learning curves", facts["training"], "a model file alone has none: give its run folder"),
        ("end of the training", not files.folder or facts["training"]["ended"], "give the command that began it again"),
        ("accuracy on test clips", any(scores.values()), _NOT_EVALUATED),
        ("clips to listen to", not any(scores.values()) or provenance["test"], "give the recordings with --data"),
        ("integer model", files.int8, quantize),
        ("float beside int8", not files.int8 or facts["quantization"] or files.float_model is None, _NOT_EVALUATED),
        ("verdict, layers and costs", facts["verdict"], "the folder holds no checkpoint: train the run again"),
        ("memory timeline", facts["memory"], "peak RAM is not decided: see the verdict"),
        ("time by layer", any(row["microseconds"] is not None for row in facts["layers"]), _layer_times(files)),
        ("measurements on targets", facts["measurements"], _bench(files)),
        ("front-end", facts["frontend"], "the model names none: train or export it with edgekit"),
        (
            "versions and command of the training",
            not files.folder or provenance["training"],
            "the run did not note them",
        ),
    )
    return [{"what": what, "mend": mend} for what, there, mend in wanted if not there]


def _layer_times(files: RunFiles) -> str:
    return "measure it with --layer-times" if files.int8 else "only integer models become C whose layers can be timed"


def _bench(files: RunFiles) -> str:
    name = files.int8.name if files.int8 else "MODEL.tflite"
    return f"edgekit bench {name} --format json > bench.json, and --bench bench.json"
