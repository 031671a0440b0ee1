"""The tables of an evaluation, built from its published JSON, so that text, Markdown and page say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.report.page import Table

GROUPS = ("device", "speaker", "fold", "split")
WIDEST_CROSS = 14
"""Groups that a table of classes × groups shows; with more it would not fit a page, and only the JSON has it."""
LONGEST = 60
"""Rows of a table of groups."""
_SCORES = {"accuracy": "accuracy", "macro_accuracy": "macro accuracy", "log_loss": "log loss"}

Json = Mapping[str, Any]


def evaluation_tables(result: Json) -> Iterator[Table]:
    """Scores, calibration, groups, classes × groups and confusion of one entry of ``results``."""
    yield scores_table(result)
    yield calibration_table(result["calibration"])
    yield from group_tables(result)
    yield confusion_table(result)


def group_tables(result: Json) -> Iterator[Table]:
    """Scores by label and by each group that clips name, with classes × groups where these are not too many."""
    yield _group_table("label", result["by_label"])
    for name in GROUPS:
        if f"by_{name}" in result:
            yield _group_table(name, result[f"by_{name}"])
            cross = result["label_by"].get(name)
            if cross is not None and len(cross["groups"]) <= WIDEST_CROSS:
                yield cross_table(name, cross)


def scores_table(result: Json) -> Table:
    """Accuracy, macro accuracy and log loss with the interval of each unit that was drawn."""
    units = list(result["intervals"]["accuracy"])
    rows = []
    for key, name in _SCORES.items():
        intervals = result["intervals"][key]
        rows.append((name, f"{result[key]:.4f}", *(_ends(intervals[unit]) for unit in units)))
    header = ("score", "value", *(f"95 % by {unit}" for unit in units))
    drawn = ", ".join(f"{result['intervals']['accuracy'][unit]['units']} {unit}s" for unit in units)
    caption = f"{result['model']} ({result['arithmetic']}), {result['clips']} clips; bootstrap over {drawn}"
    return Table(header, tuple(rows), frozenset(range(1, len(header))), caption)


def calibration_table(calibration: Json) -> Table:
    """Calibration errors and Brier score."""
    rows = (
        ("expected calibration error, 15 bins", f"{calibration['ece']:.4f}"),
        ("adaptive calibration error", f"{calibration['adaptive_ece']:.4f}"),
        ("Brier score (0 to 2)", f"{calibration['brier']:.4f}"),
    )
    return Table(("calibration", "value"), rows, frozenset({1}))


def cross_table(name: str, cross: Json) -> Table:
    """Accuracy in per cent of each class on each group, then mean ± standard deviation over seen and unseen groups."""
    spreads = list(dict.fromkeys(kind for row in cross["rows"].values() for kind in row["spreads"]))
    marks = cross["seen"] or [True] * len(cross["groups"])
    header = [f"label \\ {name}", *(g if seen else f"{g}*" for g, seen in zip(cross["groups"], marks, strict=True))]
    header += [f"{kind}: mean ± std" for kind in spreads]
    rows = [
        (label, *(_percent(value) for value in row["accuracy"]), *(_spread(row["spreads"].get(k)) for k in spreads))
        for label, row in cross["rows"].items()
    ]
    unseen = "; * not in training" if not all(marks) else ""
    caption = f"accuracy in % of each label by {name}{unseen}"
    return Table(tuple(header), tuple(rows), frozenset(range(1, len(header))), caption)


def confusion_table(result: Json) -> Table:
    """Counts, rows are true classes."""
    labels = result["labels"]
    rows = tuple((label, *map(str, row)) for label, row in zip(labels, result["confusion"], strict=True))
    return Table(("true \\ predicted", *labels), rows, frozenset(range(1, len(labels) + 1)))


def comparison_table(comparison: Json) -> Table:
    """What changes from one model to another, in points of accuracy and in log loss."""
    rows = [("clips with the same answer", f"{100 * comparison['agreement']:.2f} %", "")]
    for unit, interval in comparison["accuracy"].items():
        rows.append(
            (f"accuracy, points (by {unit})", f"{100 * interval['value']:+.2f}", _ends(interval, 100.0, "+.2f"))
        )
    for unit, interval in comparison["log_loss"].items():
        rows.append((f"log loss (by {unit})", f"{interval['value']:+.4f}", _ends(interval, 1.0, "+.4f")))
    test = comparison["mcnemar"]
    only = f"{test['only_a']} only {comparison['a']}, {test['only_b']} only {comparison['b']}"
    rows.append(("McNemar's exact test, p", f"{test['p_value']:.3g}", f"right: {only}"))
    caption = f"{comparison['b']} − {comparison['a']} on the same {comparison['clips']} clips (paired bootstrap)"
    return Table(("change", "value", "95 %"), tuple(rows), frozenset({1, 2}), caption)


def submission_table(submissions: list[Json]) -> Table:
    """What ``edgekit budget rank`` compares."""
    rows = [(s["name"], f"{s['accuracy']:.4f}", f"{s['memory']:,}", f"{s['macs']:,}") for s in submissions]
    header = ("model", "macro accuracy", "memory, B", "MACs, dcase")
    return Table(header, tuple(rows), frozenset({1, 2, 3}), "input of edgekit budget rank")


def _group_table(name: str, groups: Json) -> Table:
    """One row a group, in their order; of very many those with the lowest accuracy, which is what one looks for."""
    # Within one class macro accuracy is accuracy.
    more = ("log_loss",) if name == "label" else ("macro_accuracy", "log_loss")
    header = [name, "clips", "accuracy", "95 %", *(_SCORES[key] for key in more)]
    known = any("in_training" in scores for scores in groups.values())
    shown, caption = list(groups), f"by {name}"
    if len(groups) > LONGEST:
        shown = sorted(groups, key=lambda group: float(groups[group]["accuracy"]))[:LONGEST]
        caption = f"by {name}: the {LONGEST} of {len(groups):,} with the lowest accuracy (the JSON has all)"
    rows = []
    for group in shown:
        scores = groups[group]
        ends = "{:.4f} to {:.4f}".format(*scores["accuracy_interval"])
        cells = [group, str(scores["clips"]), f"{scores['accuracy']:.4f}", ends, *(f"{scores[k]:.4f}" for k in more)]
        rows.append(tuple([*cells, "seen" if scores["in_training"] else "unseen"] if known else cells))
    numeric = frozenset(range(1, len(header)))
    return Table(tuple([*header, "in training"] if known else header), tuple(rows), numeric, caption)


def _ends(interval: Json, factor: float = 1.0, form: str = ".4f") -> str:
    return f"{factor * interval['low']:{form}} to {factor * interval['high']:{form}}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _spread(spread: Json | None) -> str:
    if spread is None or spread["mean"] is None:
        return "–"
    return _percent(spread["mean"]) + ("" if spread["std"] is None else f" ± {100 * spread['std']:.1f}")
