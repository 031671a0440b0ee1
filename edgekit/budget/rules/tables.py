"""The tables of all dialects in one place; each is loaded when a model of its dialect comes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from edgekit.budget.layer import Rule
from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Node


@dataclass(frozen=True)
class Table:
    """What one dialect's operators cost.

    Attributes:
        rules: operator to its rule, free ones included.
        undecidable: operator to the reason why it cannot be counted.
        moves: operators that place values and compute none.
    """

    rules: Mapping[str, Rule]
    undecidable: Mapping[str, str]
    moves: frozenset[str]

    def rule(self, node: Node) -> Rule:
        """The rule of ``node``.

        Raises:
            UnsupportedOpError: it is undecidable, or has no rule.
        """
        if node.op in self.rules:
            return self.rules[node.op]
        label = f"{node.op} {node.attrs['custom_code']!r}" if node.attrs.get("custom_code") else node.op
        reason = self.undecidable.get(node.op, "has no counting rule")
        raise UnsupportedOpError(
            f"operator {label} {reason}", where=node.name, mend="replace it by operators that have a counting rule"
        )

    def sentence(self, op: str) -> str:
        """How ``op`` is counted, in one sentence: the first paragraph of its rule's docstring; "" without a rule."""
        return paragraph(self.rules[op], 0) if op in self.rules else ""


@cache
def paragraph(rule: Rule, index: int) -> str:
    """Paragraph ``index`` of a rule's docstring on one line: 0 is the rule, 1 what the dcase convention counts."""
    parts = (inspect.getdoc(rule) or "").split("\n\n")
    return " ".join(parts[index].split()) if index < len(parts) else ""


DIALECTS = ("onnx", "tflite", "aten", "edge")


@cache
def table(dialect: str) -> Table:
    """The table of one of :data:`DIALECTS`."""
    module = import_module(f"edgekit.budget.rules.{dialect}_table")
    return Table(module.RULES, module.UNDECIDABLE, module.MOVES)
