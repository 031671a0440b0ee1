"""Hold the implementations of a front-end against its reference, on recordings or on synthetic signals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.progress import Progress, silent
from edgekit.features.compare import Comparison, Tally
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.features.spec import FrontendSpec
from edgekit.features.spec_file import load_spec

if TYPE_CHECKING:
    from edgekit.data.manifest import Manifest

Pcm = NDArray[np.int16]
NamedClip = tuple[str, Pcm]
Implementation = Callable[[list[Pcm]], tuple[list[NDArray[np.floating]], list[NDArray[np.int8]]]]
IMPLEMENTATIONS = ("torch", "c")
_BATCH = 16
_CALIBRATION_CLIPS = 64


@dataclass(frozen=True)
class FeatureReport:
    """All implementations of one front-end over one set of clips.

    Attributes:
        spec: the front-end.
        source: name of the data set, or "synthetic signals".
        rejected: recordings left out as broken or silent.
        input_scale, input_zero_point: int8 quantization that was compared, from the clips' own range.
        comparisons: one for each implementation.
    """

    spec: FrontendSpec
    source: str
    rejected: int
    input_scale: float
    input_zero_point: int
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """All comparisons are within their tolerances."""
        return all(comparison.passed for comparison in self.comparisons)

    @property
    def exit_code(self) -> int:
        """0 passed, 1 a tolerance is exceeded."""
        return 0 if self.passed else 1

    def to_json(self) -> dict[str, Any]:
        """The answer of ``edgekit features verify --format json``."""
        return {
            "schema_version": 1,
            "passed": self.passed,
            "source": self.source,
            "rejected": self.rejected,
            "digest": self.spec.digest,
            "input_scale": self.input_scale,
            "input_zero_point": self.input_zero_point,
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
        }


def verify_features(
    spec: FrontendSpec | str | Path,
    data: Manifest | str | Path | Sequence[Pcm] | None = None,
    *,
    implementations: Sequence[str] | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> FeatureReport:
    """Compare torch and the generated C (compiled for this machine) with the numpy reference.

    Args:
        spec: the front-end, a preset's name, or a file or folder that holds one.
        data: manifest, data set, or int16 clips at the spec's sample rate; None takes synthetic signals.
        implementations: "torch", "c", or both; all that there are when None (a scalogram has no C).
        limit: at most so many clips, evenly spread.
        progress: told about clips.

    Raises:
        BadConfigError: bad spec, implementation or limit.
        DataError: no usable clip.
        MissingDependencyError: torch or a C compiler is not installed.
        UnsupportedOpError: C of a scalogram.
    """
    front = spec if isinstance(spec, FrontendSpec) else load_spec(spec)
    if implementations is None:
        implementations = ("torch",) if front.kind == "scalogram" else IMPLEMENTATIONS
    unknown = sorted(set(implementations) - set(IMPLEMENTATIONS))
    if unknown or not implementations:
        raise BadConfigError(f"unknown implementation {unknown}", mend=f"use {' or '.join(IMPLEMENTATIONS)}")
    if limit is not None and limit < 1:
        raise BadConfigError(f"a limit of {limit} clips leaves nothing", mend="give at least 1")
    clips = _Clips.of(front, data, limit, progress)
    scale, zero_point = _calibrate(front, islice(clips, _CALIBRATION_CLIPS))
    tallies = {name: Tally(name, front) for name in dict.fromkeys(implementations)}
    with ExitStack() as stack:
        makers = {"torch": _torch, "c": _c}
        running = {name: makers[name](front, scale, zero_point, stack) for name in tallies}
        done = 0
        for batch in _batches(clips):
            _compare(front, batch, running, tallies, scale, zero_point)
            done += len(batch)
            progress("comparing front-ends", done, len(clips))
    comparisons = tuple(tally.comparison() for tally in tallies.values())
    return FeatureReport(front, clips.source, clips.rejected, scale, zero_point, comparisons)


class _Clips:
    """Named int16 clips of a source, which can be gone through more than once."""

    def __init__(self, source: str, names: Sequence[str], load: Callable[[int], Pcm], rejected: int = 0) -> None:
        self.source, self.rejected = source, rejected
        self._names, self._load = names, load
        self._indices = range(len(names))

    @classmethod
    def of(
        cls,
        spec: FrontendSpec,
        data: Manifest | str | Path | Sequence[Pcm] | None,
        limit: int | None,
        progress: Progress,
    ) -> _Clips:
        clips = cls._open(spec, data, progress)
        if not len(clips):
            raise DataError("no clip to compare", where=clips.source, mend="give recordings")
        if limit is not None and limit < len(clips):
            clips._indices = range(0, len(clips), -(-len(clips) // limit))
        return clips

    @classmethod
    def _open(
        cls, spec: FrontendSpec, data: Manifest | str | Path | Sequence[Pcm] | None, progress: Progress
    ) -> _Clips:
        if data is None:
            from edgekit.features.signals import synthetic_clips

            made = synthetic_clips(spec.sample_rate, spec.clip_samples)
            return cls("synthetic signals", list(made), list(made.values()).__getitem__)
        if isinstance(data, Sequence) and not isinstance(data, str):
            return cls("given clips", [f"clip {i}" for i in range(len(data))], data.__getitem__)
        from edgekit.data.cache import AudioCache
        from edgekit.data.datasets import read_manifest

        manifest = read_manifest(data) if isinstance(data, str | Path) else data
        cache = AudioCache(manifest, spec.sample_rate, progress=progress)
        names = [clip.id for clip in cache.manifest.clips]
        return cls(manifest.name, names, lambda i: cache.window(i, spec.clip_samples), len(cache.manifest.rejected))

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[NamedClip]:
        for index in self._indices:
            yield self._names[index], self._load(index)


def _calibrate(spec: FrontendSpec, clips: Iterable[NamedClip]) -> tuple[float, int]:
    """Asymmetric int8 quantization that spans the features of the clips."""
    values = [features(spec, pcm) for _, pcm in clips]
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    scale = float(np.float32(max(high - low, 1e-3) / 255.0))
    return scale, int(np.clip(round(-128 - low / scale), -128, 127))


def _batches(clips: _Clips) -> Iterator[list[NamedClip]]:
    iterator = iter(clips)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _compare(
    spec: FrontendSpec,
    batch: list[NamedClip],
    running: dict[str, Implementation],
    tallies: dict[str, Tally],
    scale: float,
    zero_point: int,
) -> None:
    wanted = [features(spec, pcm) for _, pcm in batch]
    wanted_int8 = [quantize_features(values, scale, zero_point) for values in wanted]
    for name, compute in running.items():
        got, got_int8 = compute([pcm for _, pcm in batch])
        for i, (clip, _) in enumerate(batch):
            tallies[name].add(clip, wanted[i], got[i], wanted_int8[i], got_int8[i])


def _torch(spec: FrontendSpec, scale: float, zero_point: int, stack: ExitStack) -> Implementation:
    from edgekit.core.optional import require

    torch = require("torch", "train")
    from edgekit.features.torch_frontend import TorchFrontend

    module = TorchFrontend(spec)

    def compute(clips: list[Pcm]) -> tuple[list[NDArray[np.floating]], list[NDArray[np.int8]]]:
        fitted = [np.pad(c[: spec.clip_samples], (0, max(0, spec.clip_samples - c.size))) for c in clips]
        with torch.no_grad():
            out = module(torch.from_numpy(np.stack(fitted)))[:, 0].numpy()
        return list(out), [quantize_features(values, scale, zero_point) for values in out]

    return compute


def _c(spec: FrontendSpec, scale: float, zero_point: int, stack: ExitStack) -> Implementation:
    from edgekit.deploy.frontend.host import host_frontend

    floats = stack.enter_context(host_frontend(spec, "float32"))
    ints = stack.enter_context(host_frontend(spec, "int8", scale, zero_point))

    def compute(clips: list[Pcm]) -> tuple[list[NDArray[np.floating]], list[NDArray[np.int8]]]:
        return [floats.clip(pcm) for pcm in clips], [ints.clip(pcm) for pcm in clips]  # type: ignore[misc]

    return compute
