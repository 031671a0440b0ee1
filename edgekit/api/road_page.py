"""The page about a road: figures of accuracy, cost and memory, and how each number was obtained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.api.report_files import read_history
from edgekit.api.road import EXPORT, RUN, RoadResult
from edgekit.core.quantity import Quantity
from edgekit.core.units import format_count
from edgekit.report import figures
from edgekit.report.confusion import confusion_matrix
from edgekit.report.page import Figure, Page, Section, Table, write_page

if TYPE_CHECKING:
    from edgekit.data.manifest import Clip, Manifest

SHOWN_CLIPS = 10


def road_rows(result: RoadResult) -> tuple[tuple[str, str, str], ...]:
    """The result in rows of (what, value, how it was obtained), the same for terminal and page."""
    measured, counted = result.measurement, result.verdict.models[0]
    chip, clips = result.chip, result.int8_model.scores.clips
    rows = [
        ("float accuracy", _percent(result.float_model.scores.accuracy), f"{clips} test clips, torch"),
        ("int8 accuracy", _percent(result.int8_model.scores.accuracy), f"{clips} test clips, integer interpreter"),
        ("on-chip accuracy", _percent(chip.accuracy), f"{len(chip.labels)} test clips from PCM, {measured.runner}"),
        ("on-chip labels equal to int8", f"{chip.equal} of {len(chip.labels)}", "the same clips, label by label"),
    ]
    for name, key in (("parameters", "parameters"), ("parameter memory", "parameter_bytes"), ("MACs", "macs_true")):
        rows.append(_quantity_row(name, counted.quantities.get(key)))
    details = measured.details or {}
    rows += [
        _quantity_row("planned arena", counted.quantities.get("peak_ram")),
        _quantity_row("flash", measured.flash),
        _quantity_row("static RAM", measured.ram),
        _quantity_row("stack", measured.stack),
        _quantity_row("instructions a clip", measured.instructions),
        _quantity_row("– front-end", details.get("frontend_instructions")),
        _quantity_row("– model", details.get("model_instructions")),
        (f"budget {counted.budget}", result.verdict.outcome.upper(), "edgekit check-budget"),
    ]
    return tuple(rows)


def write_road_page(result: RoadResult, manifest: Manifest, path: Path) -> None:
    """Write the page of one road.

    Args:
        result: of :func:`edgekit.api.road.travel`.
        manifest: the data set, for the pictures of clips.
        path: the ``.html`` to write.
    """
    lead = (
        f"From {len(manifest):,} recordings of {len(manifest.labels)} classes to an emulated "
        f"{result.compiled.target.name}: {_percent(result.chip.accuracy)} accuracy from raw PCM."
    )
    sections = (
        _summary(result),
        _accuracy(result),
        _training(result),
        _cost(result),
        _frontend(result),
        _files(result),
    )
    write_page(Page(f"edgekit: {manifest.name}", lead, sections), path)


def _summary(result: RoadResult) -> Section:
    table = Table(("", "value", "how it was obtained"), road_rows(result), frozenset({1}))
    note = "Instructions were counted in an emulator; they are not cycles and say nothing about milliseconds."
    return Section("Summary", (note,), (table,))


def _accuracy(result: RoadResult) -> Section:
    labels = result.int8_model.labels
    chip = result.chip
    on_chip = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(on_chip, (chip.targets, chip.labels), 1)
    drawn = [
        Figure(
            confusion_matrix(labels, result.int8_model.confusion, "int8, all test clips"),
            f"Confusion matrix of the int8 model: {_percent(result.int8_model.scores.accuracy)} right.",
        ),
        Figure(
            confusion_matrix(labels, on_chip, f"{result.compiled.target.name}, from PCM"),
            f"Confusion matrix of the emulated chip: {_percent(chip.accuracy)} right.",
        ),
    ]
    groups = [group for group in ("label", "speaker", "device") if result.int8_model.group(group)]
    tables = tuple(_group_table(result, group) for group in groups)
    return Section("Accuracy", tables=tables, figures=tuple(drawn))


def _group_table(result: RoadResult, group: str) -> Table:
    before, after = result.float_model.group(group), result.int8_model.group(group)
    rows = tuple(
        (name, f"{scores.clips:,}", _percent(before[name].accuracy), _percent(scores.accuracy))
        for name, scores in after.items()
    )
    return Table((group, "clips", "float", "int8"), rows, frozenset({1, 2, 3}), f"Accuracy by {group}")


def _training(result: RoadResult) -> Section:
    history = read_history(result.folder / RUN / "history.csv")
    drawn = figures.learning_curves(history)
    description = f"Learning curves over {len(history)} epochs."
    return Section("Training", figures=(Figure(drawn, description),))


def _cost(result: RoadResult) -> Section:
    from edgekit.graph.firmware import firmware_plan
    from edgekit.graph.passes.integer_core import integer_core
    from edgekit.graph.passes.lower import lower
    from edgekit.graph.readers.load import load_graph

    plan = firmware_plan(integer_core(lower(load_graph(result.compiled.model))))
    layers = [(str(row["name"]), int(row["macs_true"] or 0)) for row in result.verdict.models[0].layers]
    return Section(
        "Cost by layer",
        (f"Memory is edgekit's own plan, the one the firmware is built with: {plan.arena_bytes:,} B.",),
        figures=(
            Figure(figures.layer_costs(layers, "MACs"), "Multiply-accumulates of each layer."),
            Figure(
                figures.memory_timeline([(step.node, step.bytes) for step in plan.steps], plan.arena_bytes),
                "Live activation bytes while each layer runs.",
            ),
        ),
    )


def _frontend(result: RoadResult) -> Section:
    from edgekit.data.cache import AudioCache
    from edgekit.data.manifest import Manifest
    from edgekit.features.reference import features
    from edgekit.features.spec import load_spec
    from edgekit.train.dataset import plain_windows

    spec = load_spec(result.folder / EXPORT / "frontend.json")
    shown = _one_of_each(result.int8_model.clips)[:SHOWN_CLIPS]
    cache = AudioCache(Manifest("shown", shown[0].path.parent, shown, result.int8_model.labels), spec.sample_rate)
    pcm = plain_windows(cache, spec.clip_samples, np.arange(len(shown)))
    images = []
    for clip, samples in zip(shown, pcm, strict=True):
        image = features(spec, samples)
        images.append((clip.label, image if spec.layout == "freq_time" else image.T))
    facts = tuple((key, str(value)) for key, value in spec.to_json().items() if value is not None)
    return Section(
        "What the model hears",
        (f"{spec.kind} of {spec.bins} bins × {spec.frames} frames, digest {spec.digest}.",),
        (Table(("field", "value"), facts, caption="Front-end"),),
        (Figure(figures.feature_images(images), "Features of one test clip of each class."),),
    )


def _files(result: RoadResult) -> Section:
    symbols = (
        sorted(result.compiled.sizes.symbols.items(), key=lambda item: -item[1][1])[:12]
        if result.compiled.sizes
        else []
    )
    rows = tuple((name, section, f"{size:,}") for name, (section, size) in symbols)
    table = Table(("symbol", "section", "bytes"), rows, frozenset({2}), "Largest symbols of the image")
    return Section(
        "Firmware", (f"Built by {result.compiled.image.toolchain}." if result.compiled.image else "",), (table,)
    )


def _one_of_each(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    first: dict[str, Clip] = {}
    for clip in clips:
        first.setdefault(clip.label, clip)
    return tuple(first[label] for label in sorted(first))


def _quantity_row(name: str, quantity: Quantity | None) -> tuple[str, str, str]:
    if quantity is None:
        return (name, "?", "not known")
    how = ", ".join(filter(None, (quantity.method, quantity.convention, quantity.caveat)))
    unit = quantity.unit if quantity.unit in ("B", "ms") else ""
    return (name, format_count(quantity.value, unit), how)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
