"""``run --stream``: a model that hears frame by frame, in files, in a pipe, through a microphone, here or on a Pi."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from edgekit.api.run import MICROPHONE, Notice, RunOptions, first_seconds
from edgekit.api.run_events import Detection, DetectorFile
from edgekit.api.run_hearing import Decision
from edgekit.api.stream_events import DecisionStream, DetectorStream, Dropped, Hearing, heard_of
from edgekit.api.stream_listener import StreamListener, open_stream
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.data.pcm_blocks import (
    LostSound,
    audio_files,
    microphone_blocks,
    microphone_package,
    pipe_blocks,
    recording_blocks,
)

if TYPE_CHECKING:
    from edgekit.bench.ssh import Host

Found = Iterator[Decision | Detection | Dropped]


@dataclass(frozen=True)
class StreamOptions:
    """How to hear frame by frame.

    Attributes:
        run: what plain listening knows, too; ``windows`` is not for streams, ``smooth`` not beside a detector.
        detector: events by these settings, and not decisions.
        host: computes there; the sound comes from here, or from its microphone.
        board: what the host is: "rpi3", "rpi4", "rpi5" or "linux".
    """

    run: RunOptions = field(default_factory=RunOptions)
    detector: DetectorFile | None = None
    host: Host | None = None
    board: str = "linux"


def run_stream(
    model: str | Path,
    audio: Sequence[str | Path],
    options: StreamOptions | None = None,
    *,
    unreadable: Notice | None = None,
) -> Found:
    """What the stream hears in recordings, each a stream of its own.

    Args:
        model: int8 ``.tflite`` or QDQ ``.onnx`` whose time axis is causal.
        audio: files and folders.
        options: how to listen.
        unreadable: told about a recording that cannot be read, and the others go on; None raises.

    Raises:
        NotStreamableError: layers stand in the way of streaming; all are named.
        EdgekitError: as :func:`edgekit.api.stream_listener.open_stream`; a folder without recordings.
        BadFileError: a recording that cannot be read, unless ``unreadable`` is there.
    """
    wish = options or StreamOptions()
    files = [found for item in audio for found in audio_files(Path(item))]
    if not files:
        raise BadConfigError("no recording", mend="give files or folders, or none for the microphone")
    with _opened(Path(model), wish) as listener:
        for file in files:
            listener.restart()
            try:
                yield from _heard(str(file), recording_blocks(file, listener.spec.sample_rate), listener, wish)
            except BadFileError as error:
                if unreadable is None:
                    raise
                unreadable(error)


def run_stream_live(model: str | Path, options: StreamOptions | None = None, *, pipe: BinaryIO | None = None) -> Found:
    """What the stream hears as it is said: a pipe of raw PCM, this machine's microphone, or the host's.

    Args:
        model: as for :func:`run_stream`.
        options: how to listen; with ``host`` and without ``pipe`` the host records (arecord).
        pipe: raw little-endian int16 mono; a microphone if None.

    Raises:
        EdgekitError: as :func:`run_stream`; no microphone, or one that stopped.
    """
    wish = options or StreamOptions()
    if pipe is None and wish.host is None:
        microphone_package()  # said before anything is built
    with _opened(Path(model), wish) as listener:
        rate = listener.spec.sample_rate
        if pipe is not None:
            blocks, source = pipe_blocks(pipe, wish.run.rate or rate, rate), "pipe"
            yield from _heard(source, first_seconds(blocks, wish.run.seconds, rate), listener, wish)
        elif wish.host is not None:
            with _far_microphone(wish.host, rate, wish.run.device) as sound:
                blocks = first_seconds(pipe_blocks(sound, rate, rate), wish.run.seconds, rate)
                yield from _heard(f"{MICROPHONE} of {wish.host.name}", blocks, listener, wish)
        else:
            lost = LostSound()
            blocks = first_seconds(microphone_blocks(rate, wish.run.device, lost), wish.run.seconds, rate)
            yield from _heard(MICROPHONE, blocks, listener, wish, lost.taken)


@contextmanager
def _opened(model: Path, wish: StreamOptions) -> Iterator[StreamListener]:
    from edgekit.api.open_models import read_labels

    if wish.run.runner == "litert":
        raise BadConfigError("a stream runs as generated C", where="--runner", mend="leave it out")
    names = None if wish.run.labels is None else read_labels(Path(wish.run.labels))
    with open_stream(model, wish.run.frontend, names, wish.host, wish.board) as listener:
        yield listener


def _heard(
    source: str,
    blocks: Iterator[np.ndarray],
    listener: StreamListener,
    wish: StreamOptions,
    lost: Callable[[], bool] = lambda: False,
) -> Found:
    hearing: Hearing
    if wish.detector is not None:
        hearing = DetectorStream(source, listener, wish.detector)
    else:
        every = 1 if not wish.run.hop_ms else max(1, round(wish.run.hop_ms / listener.hop_ms))
        hearing = DecisionStream(source, listener, every, wish.run.threshold, wish.run.smooth)
    return heard_of(source, blocks, hearing, listener.spec.sample_rate, lost)


@contextmanager
def _far_microphone(host: Host, rate: int, device: str | int | None) -> Iterator[BinaryIO]:
    """What arecord hears on the host.

    Raises:
        TargetError: it gave nothing.
    """
    words = ["arecord", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate)]
    words += [] if device is None else ["-D", str(device)]
    process = subprocess.Popen(
        host.command(shlex.join(words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        yield cast(BinaryIO, process.stdout)
        if process.poll() not in (None, 0):
            raise host.explain(process.returncode, process.stderr.read().decode(errors="replace"))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
