"""Causal twins: along the axis of time nothing is padded, and shortcuts keep the newest frames.

A padded frame at the end of a window is a frame of the future in a stream, one at its start a frame that was heard.
Without padding every activation is one function of the frames, whatever the window: graph/streaming derives the form
that computes it once a frame.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import causality

AXES = ("height", "width")
"""Where time lies in [N, C, H, W]: front-ends of layout "time_freq" have it in height, "freq_time" in width."""


def along_time(causal: str | None, padding: tuple[int, int], where: str) -> tuple[int, int]:
    """``padding`` (height, width) without that of the axis of time; as it is where ``causal`` is None.

    Raises:
        BadConfigError: no such axis.
    """
    if causal is None:
        return padding
    if causal not in AXES:
        raise BadConfigError(f"there is no axis {causal!r}", where=where, mend=f"use one of {', '.join(AXES)}")
    return (0, padding[1]) if causal == "height" else (padding[0], 0)


def newest(x: Tensor, frames: int, axis: int) -> Tensor:
    """The newest ``frames`` entries of ``x`` along ``axis``."""
    length = int(x.shape[axis])
    return x if length == frames else x.narrow(axis, length - frames, frames)


def need_frames(given: int, frames: int, model: str) -> None:
    """Raises BadConfigError where a window of ``given`` frames is shorter than the ``frames`` that a model looks at."""
    if given < frames:
        raise BadConfigError(
            f"a window of {given} frames for a causal {model} that looks at {frames}",
            where=model,
            mend="make clip_samples of the front-end longer, or the model's kernels and dilations smaller",
        )


def causal_arguments(model: str, layout: str) -> dict[str, Any]:
    """Arguments that make the causal twin of a registry model for a front-end of this layout.

    Args:
        model: registry name.
        layout: "time_freq" or "freq_time".

    Raises:
        BadConfigError: the model has no causal twin, or not for this layout.
    """
    said = causality()
    twin = said.get(model, "")
    if isinstance(twin, str):
        others = sorted(name for name, other in said.items() if not isinstance(other, str))
        why = f": {twin}" if twin else ""
        raise BadConfigError(
            f"{model} has no causal twin{why}", where="--causal", mend=f"use one of {', '.join(others)}"
        )
    return twin("height" if layout == "time_freq" else "width")
