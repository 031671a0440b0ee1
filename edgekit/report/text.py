"""Results as text for a terminal: tables and verdicts."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from edgekit.core.quantity import Quantity
from edgekit.core.units import format_count
from edgekit.core.verdict import Finding, ModelVerdict, Verdict


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", width: int = 160) -> str:
    """A table as plain text, ending in a newline.

    Args:
        columns: headings; one that starts with ">" is right-aligned (numbers) and loses the mark.
        rows: cells as text.
        title: printed above; empty for none.
        width: the widest line; longer cells wrap.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, highlight=False).print(table)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    body = "\n".join(lines).strip("\n") + "\n"
    return f"{title}\n\n{body}" if title else body


_COUNTED = (
    "parameters",
    "parameter_bytes",
    "macs_true",
    "macs_dcase",
    "peak_ram",
    "flash",
    "frontend_macs",
    "float_ops",
)
_NAMES = {
    "parameters": "parameters",
    "parameter_bytes": "parameter bytes",
    "macs_true": "MACs",
    "macs_dcase": "MACs",
    "peak_ram": "peak RAM",
    "flash": "flash",
    "frontend_macs": "front-end MACs",
    "float_ops": "float operators",
}


def verdict_text(verdict: Verdict, why: bool = False) -> str:
    """The answer of the gate for a person: a table a model and budget, what is wrong below it, the verdict last.

    Models that could not be read have no table; their errors are :func:`unreadable_lines`.
    """
    judged = [model for model in verdict.models if model.layers or not _unread(model)]
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
                lines.append(" ".join(f"{finding.where}: {finding.message} ({finding.mend})".split()))
    return list(dict.fromkeys(lines))


def _unread(model: ModelVerdict) -> bool:
    return any(finding.rule == "readable" for finding in model.findings)


def _model_text(model: ModelVerdict, why: bool) -> str:
    title = f"{model.path} against {model.budget}: {model.outcome.upper()}"
    parts = [render_table((" ", ">actual", ">limit", "verdict", "how"), _rows(model), title)]
    for finding in model.findings:
        if finding.outcome != "pass":
            cure = f"\n    mend: {finding.mend}" if finding.mend else ""
            parts.append(f"  {finding.outcome} {finding.rule}: {finding.message}{cure}\n")
    if why:
        parts.append("\n" + _layers_text(model))
    return "".join(parts)


def _rows(model: ModelVerdict) -> list[tuple[str, str, str, str, str]]:
    rows: list[tuple[str, str, str, str, str]] = []
    answered: set[str] = set()
    for key in _COUNTED:
        quantity = model.quantities.get(key)
        finding = _finding(model, key)
        if finding:
            answered.add(finding.rule)
        if quantity is None and finding is None and key == "frontend_macs":
            continue
        convention = key.removeprefix("macs_") if key.startswith("macs_") else quantity.convention if quantity else ""
        name = _NAMES[key] + (f" ({convention})" if convention in ("true", "dcase") else "")
        rows.append((name, _amount(quantity), *_judged(finding), quantity.method if quantity else ""))
    for finding in model.findings:
        if finding.rule not in answered:
            method = finding.actual.method if finding.actual else ""
            rows.append((finding.rule, _amount(finding.actual), *_judged(finding), method))
    return rows


def _finding(model: ModelVerdict, key: str) -> Finding | None:
    """The finding that judged this quantity; the MACs of the convention that the limit is in."""
    for finding in model.findings:
        if finding.rule == key:
            return finding
        if finding.rule == "macs" and finding.limit and key == f"macs_{finding.limit.convention}":
            return finding
    return None


def _judged(finding: Finding | None) -> tuple[str, str]:
    if finding is None:
        return "", ""
    return _amount(finding.limit), finding.outcome


def _amount(quantity: Quantity | None) -> str:
    if quantity is None:
        return "?"
    unit = quantity.unit if quantity.unit in ("B", "ms") else ""
    return format_count(quantity.value, unit)


def _layers_text(model: ModelVerdict) -> str:
    columns = ("layer", "operator", "output", ">parameters", ">bytes", ">MACs true", ">MACs dcase", "note")
    rows = []
    for layer in model.layers:
        macs = ["?" if layer[key] is None else f"{layer[key]:,}" for key in ("macs_true", "macs_dcase")]
        note = layer["undecided"] or _float_note(layer["float_reason"])
        size = layer["parameter_bytes"] + layer["buffer_bytes"]
        cells = (layer["name"], layer["op"], layer["output"], f"{layer['parameters']:,}", f"{size:,}", *macs, note)
        rows.append(cells)
    return render_table(columns, rows, f"layers of {model.path}")


def _float_note(reason: str) -> str:
    """Of a layer that is float because the model is, the one word; of any other the reason."""
    ordinary = reason.startswith("computes on") and reason.endswith("activations")
    return "float" if ordinary else reason and f"float: {reason}"
