"""Verdicts as text for a terminal."""

from __future__ import annotations

from edgekit.core.quantity import Quantity
from edgekit.core.verdict import Finding, ModelVerdict, Verdict
from edgekit.report.plain import plain
from edgekit.report.quantities import amount, rows, suggestion_lines, unread
from edgekit.report.table import render_table
from edgekit.report.timeline import timeline_text


def verdict_text(verdict: Verdict, why: bool = False) -> str:
    """The answer of the gate for a person: a table a model and budget, what is wrong below it, the verdict last.

    Models that could not be read have no table; their errors are :func:`unreadable_lines`.
    """
    judged = [model for model in verdict.models if not unread(model)]
    blocks = [_model_text(model, why) for model in judged]
    if judged:
        blocks.append(f"verdict: {verdict.outcome.upper()}\n")
    return "\n".join(blocks)


def unreadable_lines(verdict: Verdict) -> list[str]:
    """One line a model that could not be read: where, what, how to mend it."""
    lines = []
    for model in verdict.models:
        for finding in model.findings:
            if finding.rule == "readable":
                lines.append(plain(" ".join(f"{finding.where}: {finding.message} ({finding.mend})".split())))
    return list(dict.fromkeys(lines))


def _model_text(model: ModelVerdict, why: bool) -> str:
    title = plain(f"{model.path} against {model.budget}: {model.outcome.upper()}")
    cells = [(name, amount(actual), *_judged(finding), _how(actual)) for name, actual, finding in rows(model)]
    parts = [render_table((" ", ">actual", ">limit", "verdict", "how"), cells, title)]
    for finding in model.findings:
        if finding.outcome != "pass":
            parts.append(f"  {finding.outcome} {finding.rule}: {plain(finding.message)}\n")
            texts = (("rule", finding.demand), ("mend", finding.mend))
            parts.extend(f"    {name}: {plain(text)}\n" for name, text in texts if text)
    hints = suggestion_lines(model)
    if hints:
        parts.append("  what would reach it (accuracy has to be measured again):\n")
        parts.extend(f"    {plain(line)}\n" for line in hints)
    if why:
        parts.append("\n" + _layers_text(model))
        peak = model.quantities.get("peak_ram")
        if model.memory and peak is not None:
            title = plain(f"memory of {model.path}, step by step")
            parts.append("\n" + timeline_text(model.memory, int(peak.value), title))
    return "".join(parts)


def _judged(finding: Finding | None) -> tuple[str, str]:
    return (amount(finding.limit), finding.outcome) if finding else ("", "")


def _how(quantity: Quantity | None) -> str:
    return quantity.method if quantity else ""


def _layers_text(model: ModelVerdict) -> str:
    columns = ("layer", "operator", "output", ">parameters", ">bytes", ">MACs true", ">MACs dcase", ">other", "note")
    table = []
    for layer in model.layers:
        work = [layer.get(key) for key in ("macs_true", "macs_dcase", "other_ops")]
        macs = ["?" if number is None else f"{number:,}" for number in work]
        note = layer["undecided"] or _float_note(layer["float_reason"])
        size = layer["parameter_bytes"] + layer["buffer_bytes"]
        cells = (layer["name"], layer["op"], layer["output"], f"{layer['parameters']:,}", f"{size:,}", *macs, note)
        table.append(cells)
    return render_table(columns, table, plain(f"layers of {model.path}"))


def _float_note(reason: str) -> str:
    """Of a layer that is float because the model is, the one word; of any other the reason."""
    ordinary = reason.startswith("computes on") and reason.endswith("activations")
    return "float" if ordinary else reason and f"float: {reason}"
