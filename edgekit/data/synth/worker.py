"""Renders voices of a set; run as ``python -m edgekit.data.synth.worker`` by :mod:`edgekit.data.synth.synthesise`.

Input, JSON on stdin: the configuration, the folder, and groups of takes (one voice each). Output, a JSON line on stdout
for each group: its number of clips, or an error. A group is rendered in a forked process of its own, because espeak-ng
remembers (see :mod:`edgekit.data.synth.espeak`): so a clip is the same whichever worker renders it, and after a resume.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import DataError, EdgekitError
from edgekit.core.optional import require
from edgekit.data.synth.config import SynthConfig, config_from_json
from edgekit.data.synth.espeak import SPEEDS, Espeak
from edgekit.data.synth.plan import Take
from edgekit.data.synth.studio import Studio
from edgekit.data.write import write_clip

BABBLE_WORDS = 24


def main() -> int:
    """Work through the groups; exit code 1 after a fault, which was reported on stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller gets it too, and stops reading
    job = json.load(sys.stdin)
    try:
        studio = Studio(config_from_json(job["config"]))
    except EdgekitError as error:
        _say({"error": [error.what, error.where, error.mend]})
        return 1
    for group in job["groups"]:
        if abandoned() or not _in_child(studio, Path(job["folder"]), group):
            return 1
        _say({"done": len(group["takes"])})
    return 0


def _in_child(studio: Studio, folder: Path, group: dict[str, Any]) -> bool:
    """Render a group in a forked process, where espeak-ng starts afresh."""
    child = os.fork()
    if child == 0:
        os._exit(_guarded(studio, folder, group))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        _say({"error": [f"espeak-ng died of signal {-status}", group["takes"][0]["voice"], "leave out its words"]})
    return status == 0


def _guarded(studio: Studio, folder: Path, group: dict[str, Any]) -> int:
    """The child's life; whatever happens in it must end in its exit status, never return into the parent's code."""
    try:
        render_group(studio, folder, [Take(**take) for take in group["takes"]], group["babble"])
    except EdgekitError as error:
        _say({"error": [error.what, error.where, error.mend]})
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def render_group(studio: Studio, folder: Path, takes: list[Take], babble: list[list[Any]]) -> None:
    """Render the takes of one voice that are not there yet; all are spoken, so that the order of speech never differs.

    Args:
        studio: rooms and microphones.
        folder: of the set.
        takes: of one voice, or silence.
        babble: (text, voice, speed) of words of the same split, spoken first.

    Raises:
        DataError: a word is too long for the clip, or cannot be said.
    """
    espeak = Espeak()
    rate = studio.config.rate
    babblers = [_speech(espeak.say(text, voice, speed, 50, 50), espeak.rate, rate) for text, voice, speed in babble]
    for take in takes:
        if abandoned():
            return
        word = _word(espeak, take, studio.config) if take.text else None
        path = folder / take.path
        if not path.exists():
            write_clip(path, studio.render(take, word, babblers), rate)


def _word(espeak: Espeak, take: Take, config: SynthConfig) -> np.ndarray:
    """Dry speech, float32 [n]; a word that does not fit the clip is said faster."""
    speed = take.speed
    for _ in range(4):
        word = _speech(espeak.say(take.text, take.voice, speed, take.pitch, take.pitch_range), espeak.rate, config.rate)
        if len(word) <= config.samples:
            return word
        speed = min(SPEEDS[1], int(speed * len(word) / config.samples) + 10)
    seconds = len(word) / config.rate
    raise DataError(
        f"{take.text!r} takes {seconds:.2f} s at the fastest, a clip has {config.seconds:g} s",
        mend="make the clips longer with --seconds",
    )


def _speech(pcm: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    signal = pcm.astype(np.float32) / np.float32(32768.0)
    resampled: np.ndarray = require("soxr", "synth").resample(signal, rate, wanted, quality="HQ")
    return resampled


def abandoned() -> bool:
    """True when nobody reads stdout any more: the process that wanted the set is gone, however it ended."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _say(message: dict[str, Any]) -> None:
    if not abandoned():
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
