"""Calibration clips of a model, from recordings, a feature file or an array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.core.errors import BadConfigError, DataError, DigestMismatchError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY
from edgekit.core.progress import Progress, silent
from edgekit.graph.graph import Graph
from edgekit.quantize.clip_files import fit_clips, read_clip_file

if TYPE_CHECKING:
    from edgekit.data.manifest import Clip, Manifest
    from edgekit.features.spec import FrontendSpec

DEFAULT_CLIPS = 512
"""Clips taken of a data set: ranges hardly move beyond a few hundred."""


def calibration_clips(
    graph: Graph,
    source: str | Path | np.ndarray | Manifest,
    *,
    select: str | None = None,
    clips: int | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """float32 [N, H, W, C] features for the model's input.

    Args:
        graph: edge graph, whose metadata names its front-end.
        source: a manifest, the path of a data set, a ``.npz`` of features, or an array of features.
        select: clips of a data set; by default ``split=train`` where it has one, else all.
        clips: at most so many, evenly spaced; by default 512 of a data set and all features of a file or array.
        frontend: for a model that names none; must be the one the model was made for.
        cache: folder of decoded audio.
        progress: told about decoding and features.

    Raises:
        DigestMismatchError: features or ``frontend`` are not of the model's front-end.
        BadConfigError: ``clips`` below 1; a data set but no front-end; ``select`` for features.
        DataError: recordings at a lower rate than the front-end's.
        EdgekitError: nothing usable in ``source``.
    """
    if clips is not None and clips < 1:
        raise BadConfigError(f"{clips} calibration clips", where="--clips", mend="give at least 1")
    if isinstance(source, np.ndarray) or (isinstance(source, str | Path) and Path(source).suffix == ".npz"):
        if select is not None:
            raise BadConfigError("features cannot be selected from", where="--select", mend="give a data set")
        return _even(_features(graph, source, frontend), clips)
    return _recorded(graph, source, select, clips or DEFAULT_CLIPS, frontend, cache, progress)


def _features(graph: Graph, source: np.ndarray | str | Path, frontend: str | Path | FrontendSpec | None) -> np.ndarray:
    features, digest = (source, None) if isinstance(source, np.ndarray) else read_clip_file(Path(source))
    if frontend is not None:
        model_frontend(graph, frontend)
    expected = graph.metadata.get(FRONTEND_DIGEST_KEY)
    if digest is not None and expected is not None and digest != expected:
        raise DigestMismatchError(
            f"features of front-end {digest[:19]}…, the model needs {expected[:19]}…",
            where=str(source),
            mend="compute them with the model's own frontend.json",
        )
    return fit_clips(features, graph)


def _recorded(
    graph: Graph,
    source: str | Path | Manifest,
    select: str | None,
    clips: int,
    frontend: str | Path | FrontendSpec | None,
    cache: Path | None,
    progress: Progress,
) -> np.ndarray:
    from edgekit.data.cache import AudioCache
    from edgekit.data.datasets import read_manifest
    from edgekit.data.manifest import Manifest
    from edgekit.data.selector import select_clips
    from edgekit.data.windows import evaluation_windows, windows_from
    from edgekit.features.reference import features

    spec = model_frontend(graph, frontend)
    manifest = source if isinstance(source, Manifest) else read_manifest(source)
    if select is None:
        select = "split=train" if any(clip.split == "train" for clip in manifest.clips) else "all"
    manifest = select_clips(manifest, select)
    chosen = tuple(manifest.clips[i] for i in _even(np.arange(len(manifest.clips)), clips))
    audio = AudioCache(manifest.where(set(chosen).__contains__), spec.sample_rate, cache, progress)
    _check_rates(audio.manifest.clips, spec.sample_rate)
    windows = windows_from(graph.metadata, graph.name)
    rows = []
    for index in range(len(audio)):
        starts = evaluation_windows(audio, np.array([index]), spec.clip_samples, windows).offsets
        start = int(starts[index % len(starts)])  # one window a clip, each time from another place
        rows.append(features(spec, audio.window(index, spec.clip_samples, start)).astype(np.float32))
        progress("computing features", index + 1, len(audio))
    return fit_clips(np.stack(rows), graph)


def _check_rates(clips: Sequence[Clip], rate: int) -> None:
    """Upsampled recordings have nothing in the upper bands: ranges taken from them would be those of another task."""
    from edgekit.data.audio import probe

    # A folder's clips state no rate: their headers do.
    rates = {clip.sample_rate or probe(clip.path).sample_rate for clip in clips}
    low = sorted(found for found in rates if found < rate)
    if low:
        raise DataError(
            f"recordings at {low[0]:,} Hz, the model's front-end takes {rate:,} Hz",
            where=str(clips[0].path.parent),
            mend="calibrate with recordings of that rate at least; resample them where the model was trained on such",
        )


def model_frontend(graph: Graph, frontend: str | Path | FrontendSpec | None = None) -> FrontendSpec:
    """The front-end that the model was made for.

    Args:
        graph: a graph whose metadata may hold the spec.
        frontend: preset, file or spec that the caller means.

    Raises:
        DigestMismatchError: ``frontend`` is not the model's.
        BadConfigError: neither names one.
    """
    from edgekit.features.embedded import require_spec
    from edgekit.features.spec import FrontendSpec
    from edgekit.features.spec_file import load_spec

    meant = frontend if frontend is None or isinstance(frontend, FrontendSpec) else load_spec(frontend)
    return require_spec(graph.metadata, meant, graph.name)


def _even(items: np.ndarray, most: int | None) -> np.ndarray:
    if most is None or len(items) <= most:
        return items
    result: np.ndarray = items[np.linspace(0, len(items) - 1, most).round().astype(int)]
    return result
