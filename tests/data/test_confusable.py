"""Phonetic neighbours of a phrase, by espeak-ng."""

from __future__ import annotations

import pytest

from edgekit.data.synth.confusable import NEAREST, confusable_words, phoneme_distance


def test_distances_by_hand() -> None:
    assert phoneme_distance(["k", "a", "t"], ["k", "a", "t"]) == 0.0
    assert phoneme_distance(["k", "a", "t"], ["g", "a", "t"]) == 0.5  # both are stops
    assert phoneme_distance(["k", "a", "t"], ["s", "a", "t"]) == 1.0
    assert phoneme_distance(["k", "a", "t"], ["k", "i", "t"]) == 0.5  # both are vowels
    assert phoneme_distance(["k", "a", "t"], ["a", "t"]) == 1.0
    assert phoneme_distance([], ["a", "t"]) == 2.0


def test_neighbours_sound_alike_and_are_not_the_phrase() -> None:
    pytest.importorskip("espeakng_loader", reason="pip install 'edgekit[synth]'")
    found = confusable_words("hey lantern", 60)
    assert len(found) == 60 == len(set(found))
    assert "hey lantern" not in found and "hay lantern" not in found  # the second is the first to the ear
    assert any(text.endswith("lantern") for text in found)
    assert found == confusable_words("hey lantern", 60)
    assert NEAREST == 1.0


def test_a_distance_keeps_what_is_hardly_another_word_away() -> None:
    pytest.importorskip("espeakng_loader", reason="pip install 'edgekit[synth]'")
    near, far = confusable_words("okay robin", 40), confusable_words("okay robin", 40, least=3.0)
    assert "kay robin" in near and "kay robin" not in far
    assert len(far) == 40 and not set(near) & set(far)
