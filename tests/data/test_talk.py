"""General speech and sounds to learn to leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.synth.config import SynthConfig
from edgekit.data.synth.talk import LANGUAGES, talk_texts
from edgekit.data.synth.tones import tones


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_distinct_and_can_be_said(language: str) -> None:
    texts = talk_texts(language, 200, seed=2)
    assert len(set(texts)) == 200 and texts == talk_texts(language, 200, seed=2)
    SynthConfig(words=("talk",), unknown_words=texts, language=language)  # refuses what is no word
    numbers = sum(text.replace(" ", "").isdigit() for text in texts)
    assert numbers < 100 if language == "en" else numbers == 200


def test_sounds_are_loud_enough_and_differ() -> None:
    made = tones(18, 8000, seed=1)
    assert all(sound.shape == (32000,) and sound.dtype == np.int16 for sound in made)
    levels = [float(np.sqrt(np.mean(sound.astype(float) ** 2))) for sound in made]
    assert min(levels) > 1000
    assert not any(np.array_equal(made[0], other) for other in made[1:])
    assert np.array_equal(made[3], tones(18, 8000, seed=1)[3])
