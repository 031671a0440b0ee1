"""Figures of a wake word: what is drawn is what was given."""

from __future__ import annotations

import re

import pytest

from edgekit.report.wake_figures import det_curve, false_accept_bounds, latency_bars, miss_bars

pytest.importorskip("matplotlib", reason="pip install 'edgekit[report]'")


def _texts(svg: str) -> set[str]:
    assert svg.startswith("<svg") and "currentColor" in svg
    return {text.strip() for text in re.findall(r">([^<>]+)</text>", svg)}


def test_curves_are_named_and_none_is_drawn_at_the_edge() -> None:
    svg = det_curve(
        [("one model", [(40.0, 0.0), (1.0, 0.1), (0.0, 0.5)], (0.0, 0.5)), ("two", [(2.0, 0.2)], (2.0, 0.2))]
    )
    assert {"one model", "two", "words missed, %"} <= _texts(svg)


def test_bounds_and_the_chosen_threshold_are_drawn() -> None:
    svg = false_accept_bounds([(0.2, 30.0, 20.0, 44.0), (0.9, 0.0, 0.0, 0.7)], 0.8)
    assert {"rate and its 95 % interval", "chosen threshold"} <= _texts(svg)


def test_every_ratio_has_its_bar() -> None:
    rows = [("20 dB", 0.01, 0.0, 0.04), ("5 dB", 0.2, 0.15, 0.27)]
    assert {"20 dB", "5 dB", "one model", "two stages"} <= _texts(miss_bars({"one model": rows, "two stages": rows}))


def test_latency_without_any_detection_is_an_empty_figure() -> None:
    assert "one model" in _texts(latency_bars([("one model", ())]))
