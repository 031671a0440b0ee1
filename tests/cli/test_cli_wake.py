"""What ``edgekit wake`` asks for and says; the making itself is tested in tests/detect/test_wake.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.api import wake as room
from edgekit.cli.wake import command
from edgekit.detect.choice import Choice
from edgekit.detect.evaluation import Outcome
from edgekit.detect.operating_point import Point
from edgekit.detect.settings import DetectorSettings

SIZES = {"word_macs_a_hop": 38760, "word_flash": 55236, "word_ram": 20176, "first_macs_a_hop": 5864}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[room.WakeConfig]:
    found: list[room.WakeConfig] = []

    def wake(config: room.WakeConfig, out: Path, **_: object) -> room.WakeResult:
        found.append(config)
        outcome = Outcome(6.0, 10, 9, 1, (0.1,) * 9, {"20 dB": (5, 5), "5 dB": (5, 4)})
        point = Point(16384, outcome)
        choice = Choice(DetectorSettings(outputs=2, keywords=(1,), thresholds=(16384,)), point, (point,))
        return room.WakeResult(out, config.set.label, choice, choice, 0.25, SIZES)

    monkeypatch.setattr(room, "wake", wake)
    return found


def test_it_tells_misses_false_accepts_and_costs(asked: list[room.WakeConfig], tmp_path: Path) -> None:
    options = ["--talk", str(tmp_path / "talk"), "--hours", "4", "--negatives", "a?fold=1", "-o", str(tmp_path / "x")]
    told = CliRunner().invoke(command, ["Hey Lantern", *options])
    assert told.exit_code == 0, told.output
    assert "detects 'hey_lantern'" in told.output and "from a mean probability of 0.500" in told.output
    assert "10.0 % of 10 words missed (0 of 5 at 20 dB, 1 of 5 at 5 dB), 1 false accepts in 6.00 h" in told.output
    assert "in 25.0 % of the time" in told.output
    assert "cortex-m4, the word's model: 38,760 MACs a hop, 55,236 B flash, 20,176 B ram" in told.output
    assert "the first stage: 5,864 MACs a hop\n" in told.output
    config = asked[0]
    assert (config.set.phrase, config.talk, config.hours) == ("hey lantern", tmp_path / "talk", 4.0)
    assert config.negatives == ("a?fold=1",)


def test_json_has_both_detectors(asked: list[room.WakeConfig], tmp_path: Path) -> None:
    told = CliRunner().invoke(command, ["hey", "--format", "json", "-o", str(tmp_path / "x")])
    plain = json.loads(told.output)
    assert plain["single"]["development"]["false_accepts_per_hour_95"][1] == pytest.approx(5.572 / 6, abs=1e-3)
    assert plain["two_stages"]["open_share"] == 0.25 and len(plain["single"]["curve"]) == 1
