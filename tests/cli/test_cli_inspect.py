"""``edgekit data inspect``: gates, page, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile

from edgekit.cli.main import main
from edgekit.report.schemas import json_schema


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """Two devices: b is a 6 dB softer by 20 clips of noise; the two splits share the speaker s1."""
    draw = np.random.default_rng(0)
    rows = ["path,label,split,device,speaker"]
    for number in range(20):
        device, split = "ab"[number % 2], "train" if number < 14 else "test"
        noise = (0.1 if device == "a" else 0.05) * draw.normal(size=8000)
        soundfile.write(tmp_path / f"{number}.wav", noise, 16_000)
        speaker = "s1" if number in (0, 19) else f"{split}{number}"
        rows.append(f"{number}.wav,{'$x<y' if number % 3 else 'z'},{split},{device},{speaker}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_gates_decide_about_the_exit_code(devices, capsys) -> None:
    command = ["data", "inspect", str(devices)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "duplicates: none" in out and "leakage" in out and "less device a's" in out
    assert main([*command, "--fail-on", "duplicates", "--fail-on", "rejected"]) == 0
    assert main([*command, "--fail-on", "leakage"]) == 1
    assert "leakage: 1 found" in capsys.readouterr().err
    assert main([*command, "--select", "split=train", "--fail-on", "leakage"]) == 0
    assert main([*command, "--headers", "--fail-on", "leakage"]) == 2


def test_json_has_tables_levels_spectra_and_leaks(devices, capsys) -> None:
    assert main(["data", "inspect", str(devices), "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    jsonschema.validate(body, json_schema("inspect"))
    assert body["cross"]["split by device"] == {"test": {"a": 3, "b": 3}, "train": {"a": 7, "b": 7}}
    assert body["spectrum"]["reference"] == "a"
    differences = body["spectrum"]["devices"]["b"]["difference_db"]
    assert all(value is None or abs(value + 6.0) < 1.5 for value in differences)
    assert differences[-1] is None and len(differences) == len(body["spectrum"]["centre_hz"])
    levels = {row["device"]: row["rms_dbfs"] for row in body["levels"]}
    assert abs(levels["a"] + 20.0) < 0.2 and abs(levels["b"] + 26.0) < 0.2
    assert main(["data", "inspect", str(devices), "--headers", "--format", "json"]) == 0
    headers = json.loads(capsys.readouterr().out)
    jsonschema.validate(headers, json_schema("inspect"))
    assert headers["cross"] == body["cross"] and "levels" not in headers
    (leak,) = body["leakage"]
    assert (leak["kind"], leak["examples"], leak["sides"]) == ("speaker", ["s1"], ["test", "train"])
    assert body["duplicates"] == {"groups": 0, "near_searched": True, "listed": []}


def test_the_page_shows_tables_and_pictures_and_escapes_names(devices, tmp_path, capsys) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.html"
    assert main(["data", "inspect", str(devices), "-o", str(page)]) == 0
    text = page.read_text()
    assert text.count("<svg") >= 6 and "Average spectrum per device" in text and "Leakage" in text
    assert "$x&lt;y" in text and "<y" not in text.replace("&lt;y", "")
    assert main(["data", "inspect", str(devices), "--headers", "-o", str(page)]) == 0
    assert "Average spectrum" not in page.read_text()
