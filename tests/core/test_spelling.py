"""Unknown words: the nearest known one, else all of them; TOML that is none is one error."""

from __future__ import annotations

import pytest

from edgekit.core.config_text import parse_toml
from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean


@pytest.mark.parametrize(
    ("word", "otherwise", "expected"),
    [
        ("cortex-m44", None, "did you mean 'cortex-m4'?"),
        ("cortex-m44", "see the manual", "did you mean 'cortex-m4'?"),
        ("zzz", None, "use one of cortex-m4, cpu"),
        ("zzz", "see the manual", "see the manual"),
        (17, None, "use one of cortex-m4, cpu"),
    ],
)
def test_the_nearest_word_is_named(word: object, otherwise: str | None, expected: str) -> None:
    assert did_you_mean(word, ("cortex-m4", "cpu"), otherwise) == expected


@pytest.mark.parametrize("text", ["[a", "a = ", "a = " + "[" * 100_000])
def test_what_is_no_toml_is_one_error_with_its_place(text: str) -> None:
    with pytest.raises(BadConfigError, match=r"mine\.toml: not TOML"):
        parse_toml(text, "mine.toml")
