"""Many clips through one emulated image: outputs, instructions, stack."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

import numpy as np

from edgekit.bench.cortex_m import Core
from edgekit.bench.elf import Elf, read_elf
from edgekit.bench.protocol import Reply, features_request, parse_reply, pcm_request, stack_request
from edgekit.core.errors import BadConfigError, TargetError
from edgekit.core.progress import Progress, silent
from edgekit.deploy.project import Image

Kind = Literal["features", "pcm"]
SPANS = MappingProxyType({"frontend": "_frontend_push", "model": "_invoke"})
"""What is counted, and how the symbol's name ends behind that of the model."""
STEP = "_step"
"""How the model's symbol ends where it takes a hop of a stream."""


@dataclass(frozen=True)
class Count:
    """Instructions of one clip: in the front-end (None where it did not run) and in the model."""

    frontend: int | None
    model: int

    @property
    def total(self) -> int:
        """Front-end and model."""
        return (self.frontend or 0) + self.model


@dataclass(frozen=True, eq=False)
class Emulation:
    """What the core answered.

    Attributes:
        scores: int8 [N, outputs].
        labels: int64 [N], index of the best score as the image computed it.
        counts: one for each of the first ``counted`` clips.
        stack: bytes of stack used at the worst moment, from reset on, main() included.
    """

    scores: np.ndarray
    labels: np.ndarray
    counts: tuple[Count, ...]
    stack: int


def emulate(
    image: Image,
    clips: np.ndarray,
    kind: Kind = "features",
    *,
    counted: int | None = None,
    processes: int = 1,
    progress: Progress = silent,
) -> Emulation:
    """Run every clip through the image on an emulated core.

    Args:
        image: built for a microcontroller target with the project cortex-m-bare.
        clips: int8 [N, …] features, or int16 [N, samples] PCM of whole clips.
        kind: which of the two.
        counted: count the instructions of this many clips (the others run faster); None counts all.
        processes: cores emulated side by side.
        progress: told the number of clips done.

    Raises:
        TargetError: a fault, an error code of the model, or a run over the limit.
        BadConfigError: the wrong type or shape of ``clips``.
    """
    _check(clips, kind)
    counted = len(clips) if counted is None else min(counted, len(clips))
    parts = max(1, min(processes, len(clips)))
    bounds = [len(clips) * i // parts for i in range(parts + 1)]
    jobs = [(clips[a:b], max(0, min(counted - a, b - a))) for a, b in pairwise(bounds)]
    if parts == 1:
        results = [_serve(image, kind, jobs[0][0], jobs[0][1], progress)]
    else:
        results = _in_parallel(image, kind, jobs, progress)
    return Emulation(
        scores=np.concatenate([part.scores for part in results]),
        labels=np.concatenate([part.labels for part in results]),
        counts=tuple(count for part in results for count in part.counts),
        stack=max(part.stack for part in results),
    )


def _check(clips: np.ndarray, kind: Kind) -> None:
    wanted = {"features": np.dtype(np.int8), "pcm": np.dtype(np.int16)}[kind]
    if clips.dtype != wanted or clips.ndim < 2 or len(clips) == 0:
        raise BadConfigError(
            f"clips are {clips.dtype} {list(clips.shape)}", mend=f"give {wanted} [N, …] with at least one clip"
        )


def _in_parallel(
    image: Image, kind: Kind, jobs: Sequence[tuple[np.ndarray, int]], progress: Progress
) -> list[Emulation]:
    # spawn: the parent may hold threads (torch, onnxruntime), which fork does not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(jobs), mp_context=context) as pool:
        futures = [pool.submit(partial(_serve, image, kind), clips, counted) for clips, counted in jobs]
        results, done, total = [], 0, sum(len(clips) for clips, _ in jobs)
        for future, (clips, _) in zip(futures, jobs, strict=True):
            results.append(future.result())
            done += len(clips)
            progress("emulate", done, total)
    return results


def _serve(image: Image, kind: Kind, clips: np.ndarray, counted: int, progress: Progress = silent) -> Emulation:
    elf = read_elf(image.path)
    core = Core(elf, image.target, span_symbols(elf, image.name))
    core.exchange(b"")  # from reset to the first request
    make = features_request if kind == "features" else pcm_request
    replies: list[Reply] = []
    counts: list[Count] = []
    for i, clip in enumerate(clips):
        core.clear_counts()
        replies.append(_ask(core, make(clip), counted=i < counted))
        if i < counted:
            counts.append(_count(core, kind))
        progress("emulate", i + 1, len(clips))
    stack = _ask(core, stack_request(), counted=False).value
    scores = np.stack([reply.scores for reply in replies])
    return Emulation(scores, np.array([reply.value for reply in replies]), tuple(counts), stack)


def span_symbols(elf: Elf, name: str) -> dict[str, str]:
    """SPANS by the symbols that an image of a model called ``name`` has."""
    symbols = {key: name + end for key, end in SPANS.items()}
    return symbols | {"model": name + STEP} if elf.symbol(symbols["model"]) is None else symbols


def _ask(core: Core, request: bytes, counted: bool) -> Reply:
    answer = core.exchange(request, counted)
    return parse_reply(answer, len(answer) - 8)


def _count(core: Core, kind: Kind) -> Count:
    model = core.span("model")
    if not model:
        raise TargetError("the image never called its model", mend="build it with the project cortex-m-bare")
    return Count(core.span("frontend") if kind == "pcm" else None, model)
