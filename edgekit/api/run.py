"""``run``: what a model hears in files, in a pipe, or through a microphone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edgekit.api.run_hearing import Decision, Rule, WindowHearer, decisions, one_decision
from edgekit.api.run_models import Listener, open_listener
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.data.audio import decode
from edgekit.data.pcm_blocks import audio_files, microphone_blocks, microphone_package, pipe_blocks, recording_blocks
from edgekit.data.windows import Windows, window_starts, windows_from

if TYPE_CHECKING:
    import numpy as np

    from edgekit.features.spec import FrontendSpec

MICROPHONE = "microphone"
_LIVE_HOPS = 4
"""Decisions a window where none were asked for: live sound has no beginning that a window could sit on."""


@dataclass(frozen=True)
class RunOptions:
    """How to listen.

    Attributes:
        runner: "c", "litert", or None for what is there.
        frontend: preset, file or spec; must be the one that the model was made for.
        labels: text file, one class name a line, for a model that carries none.
        hop_ms: step between windows; None takes the model's own for files, and a quarter of its window for live sound.
        windows: one decision a window of a file, and not one a file.
        threshold: least probability of a label.
        smooth: windows over which probabilities are averaged, where decisions are by window.
        seconds: of live sound; None listens until it is interrupted.
        device: input device, by name or number.
        rate: of raw PCM from a pipe, in Hz; None is the model's own.
    """

    runner: str | None = None
    frontend: str | Path | FrontendSpec | None = None
    labels: str | Path | None = None
    hop_ms: float | None = None
    windows: bool = False
    threshold: float = 0.0
    smooth: int = 1
    seconds: float | None = None
    device: str | int | None = None
    rate: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise BadConfigError(f"{self.threshold} is no probability", where="threshold", mend="use 0 to 1")
        if self.hop_ms is not None and not (self.hop_ms == 0.0 or 1.0 <= self.hop_ms <= 600_000.0):
            raise BadConfigError(f"a hop of {self.hop_ms} ms", where="hop_ms", mend="use 0, or 1 to 600000")
        if self.smooth < 1 or (self.seconds is not None and self.seconds <= 0):
            raise BadConfigError("smooth and seconds are above 0", where="run", mend="leave them out")


Notice = Callable[[BadFileError], None]


def run(
    model: str | Path,
    audio: Sequence[str | Path],
    options: RunOptions | None = None,
    *,
    unreadable: Notice | None = None,
) -> Iterator[Decision]:
    """What the model hears in recordings, in their order; each decision comes as soon as it is made.

    A recording gives one decision, by the mean of its windows' probabilities as ``edgekit eval`` takes it; with
    ``options.windows`` one a window.

    Args:
        model: int8 ``.tflite`` or QDQ ``.onnx`` for the generated C, any ``.tflite`` for LiteRT.
        audio: files and folders.
        options: how to listen.
        unreadable: told about a recording that cannot be read, and the others go on; None raises.

    Raises:
        DigestMismatchError: ``options.frontend`` is not the model's.
        EdgekitError: as :func:`edgekit.api.run_models.open_listener`; a folder without recordings.
        BadFileError: a recording that cannot be read, unless ``unreadable`` is there.
    """
    wish = options or RunOptions()
    files = [found for item in audio for found in audio_files(Path(item))]
    if not files:
        raise BadConfigError("no recording", mend="give files or folders, or none for the microphone")
    with _opened(Path(model), wish) as (listener, own):
        windows = own if wish.hop_ms is None else replace(own, hop_ms=wish.hop_ms)
        for file in files:
            try:
                yield from _file(file, listener, windows, wish)
            except BadFileError as error:
                if unreadable is None:
                    raise
                unreadable(error)


def run_live(
    model: str | Path, options: RunOptions | None = None, *, pipe: BinaryIO | None = None
) -> Iterator[Decision]:
    """What the model hears as it is said, through a microphone or a pipe, until the sound ends.

    Args:
        model: as for :func:`run`.
        options: how to listen.
        pipe: raw little-endian int16 mono; the microphone if None.

    Raises:
        EdgekitError: as :func:`run`; no microphone, or one that stopped.
    """
    wish = options or RunOptions()
    if pipe is None:
        microphone_package()  # said before anything is built
    with _opened(Path(model), wish) as (listener, _):
        rate, window = listener.spec.sample_rate, listener.spec.clip_samples
        blocks = pipe_blocks(pipe, wish.rate or rate, rate) if pipe else microphone_blocks(rate, wish.device)
        hop = max(1, window // _LIVE_HOPS if not wish.hop_ms else round(wish.hop_ms * rate / 1e3))
        rule = Rule(listener.labels, rate, wish.threshold, wish.smooth)
        source = "pipe" if pipe else MICROPHONE
        yield from decisions(
            source, first_seconds(blocks, wish.seconds, rate), WindowHearer(listener.hear, window, hop), rule
        )


def _file(file: Path, listener: Listener, windows: Windows, wish: RunOptions) -> Iterator[Decision]:
    rate, samples = listener.spec.sample_rate, listener.spec.clip_samples
    if not wish.windows:
        pcm = decode(file, rate)
        yield one_decision(str(file), pcm, window_starts(pcm, rate, samples, windows), listener, wish.threshold)
        return
    hop = round(windows.hop_ms * rate / 1e3) or samples
    rule = Rule(listener.labels, rate, wish.threshold, wish.smooth)
    yield from decisions(str(file), recording_blocks(file, rate), WindowHearer(listener.hear, samples, hop), rule)


def first_seconds(blocks: Iterator[np.ndarray], seconds: float | None, rate: int) -> Iterator[np.ndarray]:
    """The first ``seconds`` of sound, to the block."""
    if seconds is None:
        return blocks
    left = [seconds * rate]

    def wanted(block: np.ndarray) -> bool:
        left[0] -= len(block)
        return left[0] > -len(block)

    return takewhile(wanted, blocks)


@contextmanager
def _opened(model: Path, wish: RunOptions) -> Iterator[tuple[Listener, Windows]]:
    """The listener, and how its model was trained to hear long recordings."""
    from edgekit.api.open_models import read_labels
    from edgekit.graph.readers.load import load_graph

    names = None if wish.labels is None else read_labels(Path(wish.labels))
    with open_listener(model, wish.runner, wish.frontend, names) as listener:
        yield listener, windows_from(load_graph(model).metadata, str(model))
