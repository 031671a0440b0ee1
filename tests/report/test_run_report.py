"""Parts of the report about runs: Pareto fronts, sound, SVG among SVG, texts of tables."""

from __future__ import annotations

import base64
import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from edgekit.report import figures, run_figures
from edgekit.report.page import Matrix, Page, Recording, Recordings, Section, render
from edgekit.report.pareto import pareto
from edgekit.report.run_tables import measurements_table
from edgekit.report.sound import sound_uri
from edgekit.report.svg import named_svg


def _run(name: str, accuracy: float | None, macs: int | None, size: int, valid: float | None = None) -> dict[str, Any]:
    counted = {"macs_true": {"value": macs} if macs is not None else None, "parameter_bytes": {"value": size}}
    return {
        "name": name,
        "evaluations": {"float": None, "int8": None if accuracy is None else {"accuracy": accuracy}},
        "training": None if valid is None else {"validation": {"accuracy": valid}},
        "verdict": {"models": [{"quantities": counted}]},
    }


def test_the_front_is_what_no_run_beats() -> None:
    runs = [
        _run("small", 0.80, 10, 300),
        _run("large", 0.90, 30, 200),
        _run("beaten", 0.80, 20, 300),
        _run("equal", 0.90, 30, 200),
        _run("unknown", 0.95, None, 400),
    ]
    found = pareto(runs)
    assert found is not None and found["accuracy"] == "test"
    front = {point["name"]: point["front"] for point in found["points"]}
    assert front == {
        "small": ["macs"],
        "large": ["macs", "parameter_bytes"],
        "beaten": [],
        "equal": ["macs", "parameter_bytes"],
        "unknown": ["parameter_bytes"],
    }


def test_test_and_validation_accuracies_are_never_mixed() -> None:
    assert pareto([_run("a", 0.9, 1, 1), _run("b", None, 2, 2)]) is None
    found = pareto([_run("a", 0.9, 1, 1, valid=0.7), _run("b", None, 2, 2, valid=0.8)])
    assert found is not None and found["accuracy"] == "validation"
    assert [point["accuracy"] for point in found["points"]] == [0.7, 0.8]
    assert pareto([_run("alone", 0.9, 1, 1)]) is None


def test_the_pareto_figure_is_drawn_with_a_cost_that_one_run_lacks() -> None:
    found = pareto([_run("a$", 0.9, None, 10), _run("<b>", 0.8, 3, 20)])
    assert found is not None
    svg = run_figures.pareto_front(found["points"], (("macs", "MACs"), ("parameter_bytes", "bytes")))
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]
    assert texts.count("a$") == 1 and texts.count("<b>") == 2


@pytest.mark.parametrize(("rate", "kind"), [(16_000, "audio/ogg"), (32_000, "audio/ogg"), (44_100, "audio/ogg")])
def test_long_sound_is_compressed_and_short_sound_is_not(rate: int, kind: str) -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate)).astype(np.int16)
    plain = sound_uri(tone[: rate // 10], rate, 20_000)
    head, _, data = plain.partition(",")
    values, read_rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="int16")
    assert head == "data:audio/wav;base64" and read_rate == rate and np.array_equal(values, tone[: rate // 10])
    small = sound_uri(tone, rate, 60_000)
    head, _, data = small.partition(",")
    values, read_rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert head == f"data:{kind};base64" and len(small) <= 60_000
    assert len(values) / read_rate == pytest.approx(3.0, abs=0.05)
    spectrum = np.abs(np.fft.rfft(values))
    assert np.argmax(spectrum) * read_rate / len(values) == pytest.approx(440, abs=2)
    assert sound_uri(tone, rate, 100) == ""


def test_figures_with_the_same_ids_live_in_one_page() -> None:
    svg = figures.layer_levels([("a", 0.9)], "t")
    first, second = (ElementTree.fromstring(named_svg(svg, prefix, f"name {prefix}", "more")) for prefix in ("x", "y"))
    ids = [[e.get("id") for e in root.iter() if e.get("id")] for root in (first, second)]
    assert set(ids[0]).isdisjoint(ids[1]) and len(set(ids[0])) == len(ids[0])
    used = [e.get("{http://www.w3.org/1999/xlink}href") for e in first.iter() if e.tag.endswith("use")]
    assert used and all(reference and reference[1:] in ids[0] for reference in used)
    labels = first.get("aria-labelledby", "").split()
    texts = {e.get("id"): e.text for e in first}
    assert [texts[label] for label in labels] == ["name x", "more"]


def test_a_matrix_is_as_dark_as_its_share_of_the_row() -> None:
    matrix = Matrix(("a", "b"), ((99, 1), (0, 0)), "m")
    assert [matrix.heat(0, 0), matrix.heat(0, 1), matrix.heat(1, 0)] == [10, 1, 0]


def test_control_and_direction_characters_are_shown_as_escapes() -> None:
    name = "a\u202eb\x07"
    group = Recordings("c", name, (Recording(name, "data:audio/wav;base64,AA=="),))
    text = render(
        Page(name, name, (Section(name, (name,), matrices=(Matrix((name,), ((1,),), name),), recordings=(group,)),))
    )
    assert "\u202e" not in text and "\x07" not in text and "a\\u202eb\\x07" in text


def test_numbers_of_targets_carry_the_mark_of_their_method() -> None:
    row = {
        "model": "m.tflite", "target": "cortex-m4", "runner": "unicorn", "outputs_equal": True, "label_agreement": 1.0,
        "instructions": 1234, "flash_bytes": 10, "latency_ms": None,
        "methods": {"instructions": "emulated", "flash_bytes": "exact"},
    }  # fmt: skip
    table = measurements_table(
        [row, {"model": "m", "target": "rpi4", "problem": "does not fit", "outputs_equal": None}]
    )
    assert table.rows[0][2] == "equal, 100.0 % of labels" and "1,234 e" in table.rows[0] and "10 x" in table.rows[0]
    assert table.rows[1][2] == "not compared" and table.rows[1][-1] == "does not fit"
    assert table.caption == "Targets: e emulated, x exact"
