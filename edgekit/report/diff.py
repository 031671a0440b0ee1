"""Two versions of models as text, JSON and Markdown."""

from __future__ import annotations

from typing import Any

from edgekit.core.comparison import Change, Comparison, LayerChange, ModelDiff
from edgekit.core.verdict import Finding
from edgekit.report.json import SCHEMA_VERSION
from edgekit.report.markdown import MARKS, table
from edgekit.report.plain import markdown, plain
from edgekit.report.quantities import amount, label
from edgekit.report.table import render_table

DIFF_FORMATS: tuple[str, ...] = ("text", "json", "markdown")

_SIGNS = {"added": "+", "removed": "−", "changed": "~"}
_COLUMNS = (" ", ">base", ">head", ">change", ">%")
_LAYER_COLUMNS = (" ", "layer", "operator", "output", ">parameters", ">MACs")


def render_comparison(comparison: Comparison, form: str) -> str:
    """The comparison in one of :data:`DIFF_FORMATS`."""
    if form == "json":
        import json

        return json.dumps(comparison_json(comparison), indent=2, allow_nan=False) + "\n"
    return _markdown(comparison) if form == "markdown" else _text(comparison)


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The published shape (``schema_version`` 1)."""
    models = [_model_json(model) for model in comparison.models]
    return {"schema_version": SCHEMA_VERSION, "verdict": comparison.outcome, "models": models}


def _model_json(model: ModelDiff) -> dict[str, Any]:
    return {
        "name": model.name,
        "status": model.status,
        "base": model.base,
        "head": model.head,
        "verdict": model.outcome,
        "changes": [change.to_json() for change in model.changes],
        "layers": [layer.to_json() for layer in model.layers],
        "findings": [{"budget": budget, "finding": finding.to_json()} for budget, finding in model.findings],
    }


def _text(comparison: Comparison) -> str:
    blocks = []
    for model in comparison.models:
        title = plain(f"{model.name}: {model.status}")
        if model.status == "unreadable":
            blocks.append(title + "\n" + "".join(_findings(model)))
            continue
        block = render_table(_COLUMNS, [_change_cells(change) for change in _shown(model)], title)
        if model.layers:
            cells = [_layer_cells(layer) for layer in model.layers]
            block += "\n" + render_table(_LAYER_COLUMNS, cells, "layers that changed")
        blocks.append(block + "".join(_findings(model)))
    return "\n".join(blocks) + f"\nverdict: {comparison.outcome.upper()}\n"


def _findings(model: ModelDiff) -> list[str]:
    lines = []
    for budget, finding in model.findings:
        if finding.outcome != "pass":
            lines.append(plain(f"  {finding.outcome} {_rule(budget, finding)}: {finding.message}") + "\n")
            lines += [f"    mend: {plain(finding.mend)}\n"] if finding.mend else []
    return lines


def _rule(budget: str | None, finding: Finding) -> str:
    return f"{budget}: {finding.rule}" if budget else finding.rule


def _shown(model: ModelDiff) -> list[Change]:
    """Counts that one side knows."""
    return [change for change in model.changes if change.base is not None or change.head is not None]


def _change_cells(change: Change) -> tuple[str, str, str, str, str]:
    name = label(change.key, change.head or change.base)
    delta = "" if change.delta is None else f"{change.delta:+,}" if change.delta else "="
    share = f"{change.ratio:+.2%}" if change.ratio else ""
    return name, amount(change.base), amount(change.head), delta, share


def _layer_cells(layer: LayerChange) -> tuple[str, str, str, str, str, str]:
    row = layer.head or layer.base or {}
    numbers = [_step(layer, key) for key in ("output", "parameters", "macs_true")]
    return (_SIGNS[layer.kind], str(row["name"]), str(row["op"]), *numbers)  # type: ignore[return-value]


def _step(layer: LayerChange, key: str) -> str:
    """``12 → 14`` where both sides have the layer and differ."""
    before, after = (_cell(side[key]) if side else None for side in (layer.base, layer.head))
    if before is None or after is None or before == after:
        return after if after is not None else before or ""
    return f"{before} → {after}"


def _cell(value: object) -> str:
    return "?" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _markdown(comparison: Comparison) -> str:
    parts = [f"## Models: {MARKS[comparison.outcome]}\n"]
    for model in comparison.models:
        lines = [f"### {markdown(model.name)}: {model.status}\n\n"]
        if model.status != "unreadable":
            cells = [tuple(markdown(cell) for cell in _change_cells(change)) for change in _shown(model)]
            lines.append(table(("count", *_COLUMNS[1:]), cells))
        lines += _markdown_layers(model)
        found = [
            f"- **{markdown(_rule(budget, finding))}**: {MARKS[finding.outcome]}, {markdown(finding.message)}\n"
            for budget, finding in model.findings
        ]
        parts.append("".join(lines) + ("\n" + "".join(found) if found else ""))
    return "\n".join(parts)


def _markdown_layers(model: ModelDiff) -> list[str]:
    if not model.layers:
        return []
    cells = [tuple(markdown(cell) for cell in _layer_cells(layer)) for layer in model.layers]
    body = table(("", *_LAYER_COLUMNS[1:]), cells)
    return [f"\n<details><summary>{len(cells)} layers changed</summary>\n\n{body}\n</details>\n"]
