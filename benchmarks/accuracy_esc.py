"""Experiments of the accuracy campaign on environmental sounds (ESC-10), and Tiny-AST with and without a teacher."""

from __future__ import annotations

from collections.abc import Iterator

from accuracy_run import Experiment

from edgekit.data.synth.config import SynthConfig

CHOSEN = ""
"""How the recipes were chosen without the test clips, for the result file."""

SETS: dict[str, SynthConfig] = {}
"""Synthetic sets that these experiments join."""


def experiments() -> Iterator[Experiment]:
    """All rows, those that others need first."""
    yield from ()
