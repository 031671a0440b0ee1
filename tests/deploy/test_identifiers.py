"""Names from strangers reach C only as identifiers, comments and escaped strings."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.identifiers import comment_text, identifier, require_identifier, string_literal

HOSTILE = [
    'x; system("rm -rf /")',
    "int",
    "9kws",
    "Ünïcödé",
    "",
    "___",
    "日本",
    "a" * 500,
    "*/ #include </etc/passwd>",
    "main",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_become_identifiers(name: str) -> None:
    safe = identifier(name)
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,48}", safe)
    assert safe not in {"int", "main"}
    assert require_identifier(safe) == safe


@given(st.text())
def test_any_text_becomes_a_stable_identifier(name: str) -> None:
    safe = identifier(name)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", safe)
    assert identifier(safe) == safe


def test_unsafe_names_are_refused_with_a_suggestion() -> None:
    with pytest.raises(BadConfigError, match="kws_v2"):
        require_identifier("KWS-v2")


@given(st.text())
def test_comments_stay_on_one_line_and_do_not_end(text: str) -> None:
    line = comment_text(text)
    assert line.isascii() and "*/" not in line and "\n" not in line and "\\" not in line


@given(st.text().filter(lambda text: "\0" not in text))
def test_string_literals_hold_the_same_bytes(text: str) -> None:
    literal = string_literal(text)
    body = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8)]), literal[1:-1].encode("ascii"))
    assert body == text.encode("utf-8")
    assert "??" not in literal  # no trigraphs


def test_a_zero_byte_in_a_label_is_refused() -> None:
    with pytest.raises(BadConfigError):
        string_literal("a\0b")
