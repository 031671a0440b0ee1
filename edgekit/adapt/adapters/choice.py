"""Which adapter, as data, and how many parameters it trains by formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edgekit.core.errors import BadConfigError

Method = Literal[
    "linear-probe",
    "bitfit",
    "full",
    "prompt-shallow",
    "prompt-deep",
    "lora",
    "houlsby",
    "pfeiffer",
    "convolution",
]
METHODS: tuple[str, ...] = get_args(Method)
_BOTTLENECKS = ("houlsby", "pfeiffer", "convolution")


@dataclass(frozen=True, kw_only=True)
class AdapterChoice:
    """How a frozen transformer is adapted; its head begins anew and is always trained.

    Attributes:
        method: "linear-probe" (head only), "bitfit" (biases), "full" (everything: the control), prompts at the first
            block ("prompt-shallow") or at each ("prompt-deep"), "lora" on queries and values, bottlenecks after
            attention and feed-forward ("houlsby") or after feed-forward only ("pfeiffer"), and a convolutional
            bottleneck over time after feed-forward ("convolution").
        size: prompts, or the rank, or the inner width of a bottleneck.
        placement: a bottleneck reads its layer's output ("sequential") or its layer's input ("parallel").
        residual: a sequential bottleneck adds to what it reads; without, it replaces it. A parallel one always adds to
            the layer's output, and with the residual its own input besides.
        kernel: taps over time of the convolutional bottleneck, odd.
        scale: factor of what LoRA (α/r) or a parallel bottleneck adds.
    """

    method: Method = "lora"
    size: int = 4
    placement: Literal["sequential", "parallel"] = "sequential"
    residual: bool = True
    kernel: int = 7
    scale: float = 1.0

    def __post_init__(self) -> None:
        where = "model.arguments"
        if self.method not in METHODS:
            raise BadConfigError(f"unknown method {self.method!r}", where=where, mend=f"use {', '.join(METHODS)}")
        if self.placement not in ("sequential", "parallel"):
            raise BadConfigError(f"placement is {self.placement!r}", where=where, mend="use sequential or parallel")
        if not 1 <= self.size <= 4096 or self.kernel < 1 or self.kernel % 2 == 0 or not 0 < self.scale <= 100:
            raise BadConfigError(
                "size, kernel or scale is out of range", where=where, mend="size ≥ 1, an odd kernel, 0 < scale ≤ 100"
            )

    @property
    def is_bottleneck(self) -> bool:
        """Whether modules stand beside the layers."""
        return self.method in _BOTTLENECKS
