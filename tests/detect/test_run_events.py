"""Events among decisions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.api.run_events import detections, read_detector
from edgekit.api.run_hearing import Decision
from edgekit.core.errors import BadConfigError, BadFileError

PLAIN = {"schema_version": 1, "step_ms": 100.0, "outputs": 2, "keywords": [1], "thresholds": [20000], "smoothing": 2}


def _file(folder: Path, **more: object) -> Path:
    path = folder / "detector.json"
    path.write_text(json.dumps({**PLAIN, "refractory": 3, "gate": None, "gain": None, **more}))
    return path


def _decision(source: str, number: int, share: float) -> Decision:
    shares = {"other": 1 - share, "word": share}
    return Decision(source, number / 10, number / 10 + 1, "word", share, shares, -20.0)


def test_events_come_once_and_each_source_begins_anew(tmp_path: Path) -> None:
    detector = read_detector(_file(tmp_path))
    shares = [0.1, 0.9, 0.9, 0.9, 0.9, 0.1]
    found = [_decision(source, n, share) for source in ("a.wav", "b.wav") for n, share in enumerate(shares)]
    told = list(detections(found, detector))
    assert [(item.source, item.label, round(item.time, 6)) for item in told] == [
        ("a.wav", "word", 1.2),
        ("b.wav", "word", 1.2),
    ]
    assert told[0].to_json()["score"] == pytest.approx(0.9, abs=1e-3)


def test_a_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    detector = read_detector(_file(tmp_path, outputs=3))
    with pytest.raises(BadConfigError, match="2 classes for a detector of 3"):
        list(detections([_decision("a", 0, 0.5)], detector))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"step_ms": "x"}'])
def test_what_is_no_detector_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "detector.json"
    path.write_text(text)
    with pytest.raises(BadFileError):
        read_detector(path)


def test_gates_are_not_silently_left_out(tmp_path: Path) -> None:
    gate = {"ratio": 64, "least": 100, "hangover": 5}
    with pytest.raises(BadConfigError, match="gate and gain work on a stream's samples"):
        read_detector(_file(tmp_path, gate=gate))
