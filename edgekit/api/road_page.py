"""The page about a road: its numbers with how each was obtained, in front of the report on its run."""

from __future__ import annotations

from pathlib import Path

from edgekit.api.evaluation_clips import EvaluatedModel
from edgekit.api.open_models import open_models
from edgekit.api.report_content import report_content
from edgekit.api.report_files import find_run
from edgekit.api.report_gather import Wish, gather
from edgekit.api.report_page import page_text
from edgekit.api.road import RoadResult
from edgekit.core.files import write_text
from edgekit.core.quantity import Quantity
from edgekit.core.units import format_count
from edgekit.data.cache import AudioCache
from edgekit.data.manifest import Manifest
from edgekit.report.page import Section, Table


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


def write_road_page(result: RoadResult, manifest: Manifest, budget: str, path: Path) -> None:
    """Write the page of one road.

    Args:
        result: of :func:`edgekit.api.road.travel`.
        manifest: the data set.
        budget: that the road was judged by, a name or a file.
        path: the ``.html`` to write.
    """
    files = find_run(result.folder)
    evaluations = dict(zip(files.models, (result.float_model, result.int8_model), strict=True))
    answers = {}
    for model, predictor in open_models(files.models).items():
        heard = Manifest(manifest.name, manifest.root, evaluations[model].clips, manifest.labels)
        answers[model] = EvaluatedModel(
            model, evaluations[model], predictor, AudioCache(heard, predictor.spec.sample_rate)
        )
    runs = gather([files], Wish(budgets=budget, layer_times=True), answers)
    write_text(path, page_text(report_content(runs), runs, (_road(result, manifest),), (_firmware(result),)))


def _road(result: RoadResult, manifest: Manifest) -> Section:
    lead = (
        f"From {len(manifest):,} recordings of {len(manifest.labels)} classes to an emulated "
        f"{result.compiled.target.name}: {_percent(result.chip.accuracy)} accuracy from raw PCM."
    )
    table = Table(("", "value", "how it was obtained"), road_rows(result), frozenset({1}))
    note = "Instructions were counted in an emulator; they are not cycles and say nothing about milliseconds."
    return Section("The road", (lead, note), (table,))


def _firmware(result: RoadResult) -> Section:
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


def _quantity_row(name: str, quantity: Quantity | None) -> tuple[str, str, str]:
    if quantity is None:
        return (name, "?", "not known")
    how = ", ".join(filter(None, (quantity.method, quantity.convention, quantity.caveat)))
    unit = quantity.unit if quantity.unit in ("B", "ms") else ""
    return (name, format_count(quantity.value, unit), how)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
