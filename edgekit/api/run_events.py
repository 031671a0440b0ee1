"""Events instead of labels: decisions of a model behind a detector's smoothing, threshold and rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.api.run_hearing import Decision
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.detect.detector import Detector
from edgekit.detect.settings import ONE, DetectorSettings, settings_from

_LARGEST = 1 << 16


@dataclass(frozen=True)
class DetectorFile:
    """What ``edgekit wake`` wrote.

    Attributes:
        settings: of the detector.
        step_ms: between two decisions.
    """

    settings: DetectorSettings
    step_ms: float


@dataclass(frozen=True)
class Detection:
    """A word was detected.

    Attributes:
        source: file, or "microphone".
        time: seconds from the beginning to the end of what the decision heard.
        label: the word.
        score: its mean probability.
    """

    source: str
    time: float
    label: str
    score: float

    def to_json(self) -> dict[str, Any]:
        """One line of the event log."""
        return {
            "source": self.source,
            "time_s": round(self.time, 3),
            "event": self.label,
            "score": round(self.score, 4),
        }


def read_detector(path: Path, samples: bool = False) -> DetectorFile:
    """Settings from ``detector.json``.

    Args:
        path: the file.
        samples: whoever detects has the samples that gate and gain work on, as a stream has.

    Raises:
        BadFileError: missing, too large or no JSON object.
        BadConfigError: an unknown key, a value out of range, or gate and gain without samples.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise BadFileError("is larger than 64 KiB", where=str(path), mend="give the file that edgekit wake wrote")
        plain = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFileError(f"cannot be read: {error}", where=str(path), mend="give edgekit wake's file") from error
    if not isinstance(plain, dict) or not isinstance(plain.get("step_ms"), int | float):
        raise BadFileError("has no step_ms", where=str(path), mend="give edgekit wake's file")
    settings = settings_from({k: v for k, v in plain.items() if k not in ("schema_version", "step_ms")})
    if (settings.gate or settings.gain) and not samples:
        raise BadConfigError("gate and gain work on a stream's samples", where=str(path), mend="listen with --stream")
    return DetectorFile(settings, float(plain["step_ms"]))


def detections(found: Iterable[Decision], detector: DetectorFile) -> Iterator[Detection]:
    """Events among decisions ``step_ms`` apart; each source begins anew.

    Probabilities are rounded down to 1/32768, as the firmware's are, whose table of exponentials may differ by 1/1000.

    Raises:
        BadConfigError: a model of another number of classes.
    """
    state: tuple[str, Detector] | None = None
    for decision in found:
        labels = list(decision.probabilities)
        if len(labels) != detector.settings.outputs:
            text = f"a model of {len(labels)} classes for a detector of {detector.settings.outputs}"
            raise BadConfigError(text, where="--detector", mend="use the model that it was tuned for")
        if state is None or state[0] != decision.source:
            state = (decision.source, Detector(detector.settings, 1.0))
        shares = np.floor(np.array(list(decision.probabilities.values())) * ONE).astype(np.int32)
        event = state[1].judge(shares)
        if event is not None:
            yield Detection(decision.source, decision.end, labels[event.output], event.score / ONE)
