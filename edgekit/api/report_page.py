"""The page about runs: sections out of their facts, and pictures and sound out of the evaluated models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgekit.api.evaluation_clips import EvaluatedModel, worst_section
from edgekit.api.report_accuracy import accuracy_sections, float_beside_int8
from edgekit.api.report_facts import ReportedRun
from edgekit.core.errors import BadConfigError
from edgekit.report import figures, run_figures, run_tables
from edgekit.report.evaluation_tables import comparison_table
from edgekit.report.page import Figure, Page, Section, Table, render
from edgekit.report.timeline import timeline_svg

LARGEST_PAGE = 3_000_000
"""Bytes of a page: what one mails to a colleague."""
_ROOM_FOR_SOUND = 1_200_000
_MOST_PICTURES = 10
_VERDICTS = {"pass": "PASS: within the budget", "fail": "FAIL: over the budget", "undecided": "UNDECIDED"}

Json = Mapping[str, Any]


def page_text(
    report: Json, runs: Sequence[ReportedRun], before: Sequence[Section] = (), after: Sequence[Section] = ()
) -> str:
    """The page as HTML; where it grows too large, first without sound, then without the pictures of insides.

    Args:
        report: the published JSON.
        runs: what it was made of.
        before: sections in front of its own.
        after: sections behind them.

    Raises:
        BadConfigError: it is too large even so.
    """
    for sound, insides in ((True, True), (False, True), (False, False)):
        page = run_page(report, runs, sound=sound, insides=insides)
        text = render(replace(page, sections=(*before, *page.sections, *after)))
        if len(text.encode()) <= LARGEST_PAGE:
            return text
    raise BadConfigError(
        f"the page would take more than {LARGEST_PAGE:,} bytes", mend="report on fewer runs at once, or --format json"
    )


def run_page(report: Json, runs: Sequence[ReportedRun], *, sound: bool = True, insides: bool = True) -> Page:
    """The page before it is rendered.

    Args:
        report: the published JSON.
        runs: what it was made of.
        sound: put clips to listen to into the page.
        insides: draw embeddings, filters and attention.
    """
    sections = [_summary(report)]
    if report["comparison"]:
        sections.append(_comparison(report))
    if report["pareto"]:
        sections.append(_pareto(report["pareto"]))
    for number, run in enumerate(runs):
        group = run.facts["name"] if len(runs) > 1 else ""
        room = _ROOM_FOR_SOUND // len(runs) if sound else 0
        found = [section for section in _run_sections(run, f"c{number}", room, insides=insides) if section]
        names = {model.name for model in (run.float_model, run.int8_model) if model}
        sections += [replace(section, title=_short(section.title, names), group=group) for section in found]
    called = ", ".join(run.facts["name"] for run in runs)
    return Page(f"edgekit: {called}", _lead(runs), tuple(sections))


def _short(title: str, names: set[str]) -> str:
    """A title without the name of the model in front, which the page or the group says already."""
    name = next((name for name in names if title.startswith(f"{name}: ")), None)
    text = title if name is None else title.removeprefix(f"{name}: ")
    return text[:1].upper() + text[1:]


def _lead(runs: Sequence[ReportedRun]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs side by side."
    facts = runs[0].facts
    scores = {role: run_tables.accuracy_text(entry) for role, entry in facts["evaluations"].items() if entry}
    heard = ", ".join(f"{role} {text}" for role, text in scores.items())
    labels = f"{len(facts['labels'])} classes. " if facts["labels"] else ""
    return labels + (f"Accuracy on {run_tables.clips_text(facts)} clips: {heard}." if heard else "Not evaluated here.")


def _summary(report: Json) -> Section:
    runs = report["runs"]
    outcomes = [run_tables.outcome(run) for run in runs]
    worst = next((name for name in ("fail", "undecided", "pass") if name in outcomes), "")
    missing = [
        f"{run['name']}: no {item['what']} ({item['mend']})" if len(runs) > 1 else f"No {item['what']}: {item['mend']}"
        for run in runs
        for item in run["missing"]
    ]
    failures = [f"{run['name']}: {text}" for run in runs for text in run_tables.failures(run)]
    return Section(
        "Summary",
        tuple(failures),
        (run_tables.summary_table(runs),),
        missing=tuple(missing),
        outcome=worst,
        verdict=_VERDICTS.get(worst, ""),
    )


def _comparison(report: Json) -> Section:
    found = report["comparison"]
    tables = [run_tables.costs_table(*report["runs"][:2])]
    if found["answers"]:
        tables.insert(0, comparison_table(found["answers"]))
    return Section(f"{found['a']} → {found['b']}", tables=tuple(tables), missing=tuple(found["missing"]))


def _pareto(pareto: Json) -> Section:
    costs = (("macs", "MACs"), ("parameter_bytes", "parameter bytes"))
    drawn = [cost for cost in costs if any(point[cost[0]] is not None for point in pareto["points"])]
    table = run_tables.pareto_table(pareto)
    note = f"Accuracy is that on {pareto['accuracy']} clips. Filled: no other run is as accurate for less."
    if not drawn:
        return Section("Pareto front", (note,), (table,))
    figure = Figure(run_figures.pareto_front(pareto["points"], drawn), "Accuracy against costs of all runs.", table)
    return Section("Pareto front", (note,), figures=(figure,))


def _run_sections(run: ReportedRun, anchor: str, room: int, *, insides: bool) -> Iterator[Section | None]:
    facts = run.facts
    yield from accuracy_sections(run, anchor, room)
    yield float_beside_int8(facts)
    yield _training(facts)
    yield from _costs(facts)
    if facts["measurements"]:
        notes = ["Instructions are not cycles and say nothing about milliseconds."]
        if facts["on_chip"]:
            notes.append(run_tables.on_chip_text(facts["on_chip"]))
        yield Section("targets", tuple(notes), (run_tables.measurements_table(facts["measurements"]),))
    yield _frontend(run)
    if run.primary is not None:
        yield worst_section(run.primary)
    if run.float_model is not None and insides:
        from edgekit.api.evaluation_insight import insight_sections

        yield from insight_sections(run.float_model)
    yield Section("provenance", tables=tuple(run_tables.provenance_tables(facts)))


def _training(facts: Json) -> Section | None:
    found = facts["training"]
    if found is None:
        return None
    history = found["history"]
    scores = found["validation"] or {}
    kept = f"Kept: epoch {found['epoch']}" if found["ended"] else "The training has not ended"
    if scores.get("accuracy") is not None:
        kept += f", validation accuracy {100 * scores['accuracy']:.2f} %"
    if scores.get("macro_accuracy") is not None:
        kept += f", macro accuracy {100 * scores['macro_accuracy']:.2f} %"
    if scores.get("log_loss") is not None:
        kept += f", log loss {scores['log_loss']:.4f}"
    description = f"Learning curves of {facts['name']} over {len(history)} epochs."
    drawn = Figure(figures.learning_curves(history), description, run_tables.history_table(history))
    recipe = tuple((line,) for line in found["recipe"].splitlines() if line.strip())
    folded = (Table((), recipe, caption="Recipe, resolved"),)
    return Section("training", (f"{kept}.",), figures=(drawn,), folded=folded)


def _costs(facts: Json) -> Iterator[Section]:
    if facts["verdict"]:
        outcome = run_tables.outcome(facts)
        failures, tables = tuple(run_tables.failures(facts)), tuple(run_tables.verdict_tables(facts))
        yield Section("budget", failures, tables, outcome=outcome, verdict=_VERDICTS[outcome])
    if facts["layers"]:
        yield _layers(facts)
    if facts["memory"]:
        yield _memory(facts["memory"])


def _memory(memory: Json) -> Section:
    note = f"Arena {memory['arena_bytes']:,} B: {memory['caveat']}."
    if memory["lower_bound"] is not None:
        note += f" No plan of this order is smaller than {memory['lower_bound']:,} B."
    title = "Where each activation lies in memory, layer by layer."
    svg = timeline_svg(memory["steps"], memory["arena_bytes"], title)
    return Section("memory timeline", (note,), figures=(Figure(svg, title, run_tables.memory_table(memory)),))


def _layers(facts: Json) -> Section:
    columns = (
        ("macs", "MACs"),
        ("parameter_bytes", "weights, B"),
        ("live_bytes", "live, B"),
        ("microseconds", "time, µs"),
    )
    known = [column for column in columns if any(row[column[0]] is not None for row in facts["layers"])]
    svg = run_figures.layer_panels(facts["layers"], known)
    drawn = Figure(svg, "MACs, bytes and time of each layer.", run_tables.layers_table(facts))
    hidden = len(facts["layers"]) - run_figures.MOST_LAYERS
    note = f"The figure leaves {hidden} cheap layers out; the table has all." if hidden > 0 else ""
    timed = any(row["microseconds"] is not None for row in facts["layers"])
    how = "Time is that of the generated C on the machine of this report, the median of its calls." if timed else ""
    steps = facts["memory"]["steps"] if facts["memory"] else ()
    rows = "Layers that run together by rows count under the last of them." if _grouped(steps) else ""
    return Section("layers", tuple(text for text in (note, how, rows) if text), figures=(drawn,))


def _grouped(steps: Sequence[Json]) -> bool:
    return any(" … " in step["step"] for step in steps)


def _frontend(run: ReportedRun) -> Section | None:
    frontend = run.facts["frontend"]
    if frontend is None:
        return None
    spec = frontend["spec"]
    shape = f"{frontend['bins']} bins × {frontend['frames']} frames"
    text = f"{spec['kind']} of {shape} at {spec['sample_rate']:,} Hz, {frontend['digest']}."
    drawn, missing = [], []
    if run.primary is not None:
        drawn.append(
            Figure(_what_it_hears(run.primary), "Features of one test clip of each class, as the model gets them.")
        )
    else:
        missing.append("No picture of features: give the recordings with --data.")
    folded = (run_tables.frontend_table(frontend),)
    return Section("front-end", (text,), (), tuple(drawn), missing=tuple(missing), folded=folded)


def _what_it_hears(model: EvaluatedModel) -> str:
    first: dict[str, int] = {}
    for index, clip in enumerate(model.evaluation.clips):
        first.setdefault(clip.label, index)
    chosen = sorted(first.items())[:_MOST_PICTURES]
    heard = model.features(np.array([index for _, index in chosen]))
    images = [(label, model.upright(image[0])) for (label, _), image in zip(chosen, heard, strict=True)]
    return figures.feature_images(images, columns=min(5, len(images)))
