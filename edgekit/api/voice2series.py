"""Voice2Series: time series classified by a frozen acoustic model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.api.training_clips import Data, read_data
from edgekit.api.voice2series_result import Candidate, Voice2SeriesResult
from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.files import write_json
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.adapt.series.fit import FitOptions
    from edgekit.adapt.series.model import Voice2Series
    from edgekit.adapt.series.series_set import SeriesSet
    from edgekit.adapt.source import Source
    from edgekit.data.manifest import Manifest

_SOURCE_CLIPS = 500
"""Clips of the source's own data whose latents stand for it."""


def voice2series(
    source: str | Path | Sequence[str | Path],
    train: str | Path,
    test: str | Path,
    source_data: Data,
    out: str | Path,
    *,
    placements: Sequence[str] = ("pad", "repeat"),
    each: Sequence[int] = (1, 2),
    epochs: int | None = None,
    seed: int = 0,
    pictures: bool = True,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Voice2SeriesResult:
    """Reprogram acoustic models to a problem of the UCR/UEA archive; the candidate with the smallest risk bound wins.

    Args:
        source: runs of acoustic models ("attention-bilstm", "unet-attention-bilstm", "vggish", any other of audio).
        train: ``.ts`` or ``.arff`` file of training series.
        test: likewise of test series, with the same classes.
        source_data: recordings like those that the sources were trained on, with its labels: for its risk and latents.
        out: folder for ``result.json``, ``program.safetensors`` of the chosen candidate, and pictures.
        placements: "pad", "repeat" or both.
        each: source classes a class; what the source has too few classes for is left out.
        epochs: passes over the training series; as many as make 200 steps when None.
        seed: of the program and the class map.
        pictures: draw attention, class activation, t-SNE before and after, and the distances.
        cache: folder of decoded audio.
        progress: told about training.

    Raises:
        EdgekitError: a file that cannot be read, other classes in the test set, or a source that does not fit.
    """
    require("torch", "train")
    from edgekit.adapt.series.fit import FitOptions, epochs_for
    from edgekit.adapt.series.series import read_series
    from edgekit.adapt.source import read_source

    known, unseen = read_series(Path(train)), read_series(Path(test))
    if known.labels != unseen.labels:
        raise DataError("the test set has other classes", where=str(test), mend="give both parts of one problem")
    options = FitOptions(epochs=epochs or epochs_for(len(known)), seed=seed)
    manifest = read_data(source_data)
    tried: list[_Tried] = []
    for path in [source] if isinstance(source, str | Path) else source:
        model = read_source(Path(path))
        heard = _hear(model, manifest, cache, progress)
        possible = [(p, m) for p in placements for m in each if m * len(known.labels) <= len(model.labels)]
        tried += [_try(model, known, unseen, heard, p, m, options, progress) for p, m in possible]
    if not tried:
        text = f"{len(known.labels)} classes are more than any source has"
        raise BadConfigError(text, where=known.name, mend="use a source with more classes")
    chosen = int(np.argmin([item.candidate.bound for item in tried]))
    candidates = tuple(item.candidate for item in tried)
    result = Voice2SeriesResult(known.name, len(known.labels), len(known), len(unseen), candidates, chosen)
    _write(Path(out), result, tried[chosen], known, pictures)
    return result


@dataclass(frozen=True, eq=False)
class _Tried:
    """A candidate with what its pictures are drawn from.

    Attributes:
        model: trained.
        candidate: measured.
        train: placed training series, float32 [N, samples].
        heard: what the source says to its own clips.
    """

    model: Voice2Series
    candidate: Candidate
    train: np.ndarray
    heard: _Heard


@dataclass(frozen=True, eq=False)
class _Heard:
    """A source on its own clips.

    Attributes:
        latents: what its last layer reads, float64 [n, D].
        logits: float64 [n, K].
        risk: share that it gets wrong.
    """

    latents: np.ndarray
    logits: np.ndarray
    risk: float


def _hear(source: Source, manifest: Manifest, cache: Path | None, progress: Progress) -> _Heard:
    """What the source says to its own clips."""
    import torch

    from edgekit.adapt.latent import latent_and_logits
    from edgekit.adapt.source import build_source
    from edgekit.data.cache import AudioCache
    from edgekit.features.torch_frontend import TorchFrontend

    if source.frontend is None:
        raise BadConfigError("the source hears nothing", where="--source", mend="give a model of audio")
    order = {label: number for number, label in enumerate(source.labels)}
    kept = manifest.where(lambda clip: clip.label in order).require_clips()
    clips = AudioCache(kept, source.frontend.sample_rate, cache, progress)
    rows = np.unique(np.linspace(0, len(clips) - 1, min(len(clips), _SOURCE_CLIPS)).astype(np.int64))
    pcm = clips.windows(rows, source.frontend.clip_samples, np.zeros(len(rows), np.int64))
    model = build_source(source.mark())
    model.load_state_dict(source.weights())
    frontend, classes = TorchFrontend(source.frontend, torch.float32), len(source.labels)
    portions = torch.from_numpy(pcm).split(64)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        told = [latent_and_logits(model, classes, frontend(part)) for part in portions]
    vectors, logits = (torch.cat(parts) for parts in zip(*told, strict=True))
    targets = np.array([order[clips.manifest.clips[row].label] for row in rows])
    wrong = logits.argmax(dim=1).numpy() != targets
    return _Heard(vectors.double().numpy(), logits.double().numpy(), float(wrong.mean()))


def _try(
    source: Source,
    known: SeriesSet,
    unseen: SeriesSet,
    heard: _Heard,
    placement: str,
    each: int,
    options: FitOptions,
    progress: Progress,
) -> _Tried:
    """One candidate, trained and measured."""
    import torch

    from edgekit.adapt.reprogram.class_map import many_to_one
    from edgekit.adapt.series.fit import accuracy, fit, source_logits
    from edgekit.adapt.series.model import Voice2Series
    from edgekit.adapt.series.place import place_series
    from edgekit.adapt.series.risk import risk_bound, sliced_wasserstein

    if placement not in ("pad", "repeat"):
        raise BadConfigError(f"unknown placement {placement!r}", mend="use pad or repeat")
    samples = source.frontend.clip_samples if source.frontend else 0
    both = place_series((*known.joined(), *unseen.joined()), samples, placement)  # type: ignore[arg-type]
    train, test = both.clips[: len(known)], both.clips[len(known) :]
    assignment = many_to_one(len(source.labels), len(known.labels), each, options.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        model = Voice2Series(len(known.labels), source.mark(), both.free, assignment)
    model.load_source(source.weights())
    before = sliced_wasserstein(heard.logits, source_logits(model, train))
    fit(model, train, known.targets, options, progress)
    distance = sliced_wasserstein(heard.logits, source_logits(model, train))
    candidate = Candidate(
        source.model,
        heard.risk,
        placement,
        each,
        model.trained_parameters(),
        accuracy(model, train, known.targets),
        accuracy(model, test, unseen.targets),
        distance,
        before,
        risk_bound(heard.risk, distance, len(source.labels)),
    )
    return _Tried(model, candidate, train, heard)


def _write(folder: Path, result: Voice2SeriesResult, chosen: _Tried, known: SeriesSet, pictures: bool) -> None:
    from edgekit.core.files import atomic_path

    folder.mkdir(parents=True, exist_ok=True)
    model = chosen.model
    own = {"delta": model.program().detach(), "free": model.free, "table": model.mapping.table}
    with atomic_path(folder / "program.safetensors") as temporary:
        require("safetensors.torch", "train").save_file({k: v.contiguous() for k, v in own.items()}, temporary)
    if pictures:
        from edgekit.api.voice2series_page import draw_pictures

        draw_pictures(folder, result, model, chosen.train, known, chosen.heard.latents)
    write_json(folder / "result.json", {"schema_version": 2, **result.to_json()})
