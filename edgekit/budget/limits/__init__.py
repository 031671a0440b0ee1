"""What a budget can limit: one file a limit, whose function's docstring is the rule.

The first paragraph of a docstring is the sentence that findings and docs/rules.md print. A module of this folder is
found by lying here; its function is filed by the decorator :func:`~edgekit.budget.limits.kind.limit`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from edgekit.budget.limits.kind import FILED, LimitKind

for _entry in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_entry.name}")

COUNTINGS: tuple[str, ...] = ("true", "dcase")
"""Names of the counting conventions (DESIGN: Counting)."""

TARGETS: tuple[str, ...] = (
    "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55",
    "rpi3", "rpi4", "rpi5", "cpu", "cuda",
)  # fmt: skip
"""Targets on which a latency can be limited."""

LIMITS: Mapping[str, LimitKind] = MappingProxyType(
    {kind.key: kind for kind in sorted(FILED.values(), key=lambda kind: kind.order)}
)
"""Every limit that a budget may hold, in the order of the report."""
