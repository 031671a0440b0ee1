"""How all formats name and print the counts of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgekit.core.quantity import Quantity
from edgekit.core.units import format_count
from edgekit.core.verdict import Finding, ModelVerdict

NAMES: Mapping[str, str] = {
    "parameters": "parameters",
    "parameter_bytes": "parameter bytes",
    "macs_true": "MACs",
    "macs_dcase": "MACs",
    "macs": "MACs",
    "other_ops": "other arithmetic",
    "peak_ram": "peak RAM",
    "peak_ram_in_order": "  nothing in place",
    "peak_ram_bound": "  lower bound",
    "peak_ram_tflm": "  TFLM's planner",
    "flash": "flash",
    "frontend_macs": "front-end MACs",
    "frontend_macs_hop": "  each hop",
    "frontend_state": "  state",
    "float_ops": "float operators",
}
COUNTED = (
    "parameters",
    "parameter_bytes",
    "macs_true",
    "macs_dcase",
    "other_ops",
    "peak_ram",
    "peak_ram_in_order",
    "peak_ram_bound",
    "peak_ram_tflm",
    "flash",
    "frontend_macs",
    "frontend_macs_hop",
    "frontend_state",
    "float_ops",
)
"""Counts in the order of every report."""
_OPTIONAL = ("frontend_macs", "frontend_macs_hop", "frontend_state", "peak_ram_tflm")
"""Counts without a row where nothing is known: nobody asked for them."""
CONVENTIONS = ("true", "dcase")


def amount(quantity: Quantity | None) -> str:
    """``1234567`` bytes as "1,234,567 B", "?" where it is not decided."""
    if quantity is None:
        return "?"
    return format_count(quantity.value, quantity.unit if quantity.unit in ("B", "ms") else "")


def label(key: str, quantity: Quantity | None) -> str:
    """The name of a count with its convention: "MACs (true)"."""
    convention = key.removeprefix("macs_") if key.startswith("macs_") else quantity.convention if quantity else ""
    return NAMES.get(key, key.replace("_", " ")) + (f" ({convention})" if convention in CONVENTIONS else "")


def quantity_texts(quantities: Mapping[str, Quantity]) -> list[str]:
    """Counts for a sentence: "20,772 parameters", "2,370,720 MACs (true)", "28,000 B of peak RAM"."""
    texts = []
    for key, quantity in quantities.items():
        of = " of" if quantity.unit in ("B", "ms") else ""
        texts.append(f"{amount(quantity)}{of} {label(key, quantity)}")
    return texts


def rows(model: ModelVerdict) -> Iterator[tuple[str, Quantity | None, Finding | None]]:
    """Label, count and the finding that judged it, for every count and then every other finding."""
    answered: set[str] = set()
    for key in COUNTED:
        quantity = model.quantities.get(key)
        finding = _finding(model, key)
        if finding:
            answered.add(finding.rule)
        if quantity is not None or finding is not None or key not in _OPTIONAL:
            yield label(key, quantity), quantity, finding
    for finding in model.findings:
        if finding.rule not in answered:
            yield label(finding.rule, finding.actual), finding.actual, finding


def suggestion_lines(model: ModelVerdict) -> list[str]:
    """One line a suggestion: what to change, the counts then, and that it fits."""
    return [f"{hint.change}: {', '.join(quantity_texts(hint.quantities))}: fits" for hint in model.suggestions]


def unread(model: ModelVerdict) -> bool:
    """The file could not be read."""
    return any(finding.rule == "readable" for finding in model.findings)


def _finding(model: ModelVerdict, key: str) -> Finding | None:
    """The finding that judged this count; the MACs of the convention that the limit is in."""
    for finding in model.findings:
        if finding.rule == key:
            return finding
        if finding.rule == "macs" and finding.limit and key == f"macs_{finding.limit.convention}":
            return finding
    return None
