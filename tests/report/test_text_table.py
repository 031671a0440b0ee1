"""Tables: aligned, within the width, safe for a terminal."""

from __future__ import annotations

import pytest

from edgekit.report.table import render_table

wcwidth = pytest.importorskip("rich.cells").cell_len
"""Columns of a terminal, by another library's tables."""


def test_numbers_end_and_texts_begin_in_one_column() -> None:
    lines = render_table(("name", ">count"), [("conv", "1"), ("depthwise", "12,345")], "title").splitlines()
    assert lines[:2] == ["title", ""]
    head, rule, first, second = lines[2:]
    assert set(rule.strip()) == {"─"} and len(rule) == len(second)
    assert head.endswith(" count") and first.endswith("     1") and second.endswith("12,345")
    assert head.index("name") == first.index("conv") == second.index("depthwise")


def test_wide_and_combining_characters_keep_the_columns() -> None:
    rows = [("词词", "1"), ("é" * 4, "22"), ("e\u0301abc", "3"), ("abcd", "4444")]
    lines = render_table(("name", ">n"), rows).splitlines()[2:]
    assert {wcwidth(line) for line in lines} == {wcwidth(" abcd   4444")}


def test_long_cells_fold_and_lose_nothing() -> None:
    words = [f"word{i}" for i in range(60)]
    text = render_table(("a", "b"), [(" ".join(words), "short"), ("x" * 300, "y")], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert [word for word in text.split() if word.startswith("word")] == words
    assert text.count("x") == 300


def test_control_characters_are_shown_not_sent() -> None:
    text = render_table(("name",), [("a\x1b[2Jb\nc",)])
    assert "\x1b" not in text and "\\x1b[2Jb\\x0ac" in text and len(text.splitlines()) == 3


def test_an_empty_table_has_its_head() -> None:
    assert render_table(("a", ">b"), []).splitlines()[0].split() == ["a", "b"]
