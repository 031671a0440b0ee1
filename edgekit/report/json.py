"""Verdicts as JSON, in the published shape (``schema_version`` 1)."""

from __future__ import annotations

from typing import Any

from edgekit.core.quantity import Quantity
from edgekit.core.verdict import ModelVerdict, Verdict

SCHEMA_VERSION = 1


def verdict_json(verdict: Verdict, why: bool = False) -> dict[str, Any]:
    """The answer of ``edgekit check-budget --format json``.

    A number that is not decided is null; ``why`` adds a row a layer.
    """
    models = [_model(model, why) for model in verdict.models]
    return {"schema_version": SCHEMA_VERSION, "verdict": verdict.outcome, "models": models}


def _model(model: ModelVerdict, why: bool) -> dict[str, Any]:
    quantities = model.quantities
    row: dict[str, Any] = {
        "path": model.path,
        "budget": model.budget,
        "verdict": model.outcome,
        "parameters": _value(quantities.get("parameters")),
        "parameter_bytes": _value(quantities.get("parameter_bytes")),
        "macs": {name: _value(quantities.get(f"macs_{name}")) for name in ("true", "dcase")},
        "peak_ram_bytes": _value(quantities.get("peak_ram")),
        "flash_bytes": _value(quantities.get("flash")),
        "frontend_macs": _value(quantities.get("frontend_macs")),
        "float_ops": _value(quantities.get("float_ops")),
        "float_layers": [
            {"name": layer["name"], "op": layer["op"], "reason": layer["float_reason"]}
            for layer in model.layers
            if layer["float_reason"]
        ],
        "findings": [finding.to_json() for finding in model.findings],
        "suggestions": [suggestion.to_json() for suggestion in model.suggestions],
        "quantities": {key: value.to_json() if value else None for key, value in quantities.items()},
    }
    if why:
        row["layers"] = [dict(layer) for layer in model.layers]
        row["memory"] = [dict(step) for step in model.memory]
    return row


def _value(quantity: Quantity | None) -> int | float | None:
    return None if quantity is None else quantity.value
