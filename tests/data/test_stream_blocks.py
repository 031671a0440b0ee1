"""Streams: blocks depend on seed and number alone, words lie where the truth says, at the ratio asked for."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import DataError
from edgekit.data.stream import StreamPlan, make_block

PLAN = StreamPlan(rate=8000, seconds=30, block_seconds=10, words_per_block=2, snr_db=(20.0, 0.0), seed=3)


def _recordings() -> tuple[list[np.ndarray], list[tuple[str, np.ndarray]]]:
    draw = np.random.default_rng(1)
    noise = [(2000 * draw.standard_normal(length)).astype(np.int16) for length in (4000, 30000)]
    tone = (9000 * np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)).astype(np.int16)
    padded = np.concatenate([np.zeros(800, np.int16), tone, np.zeros(800, np.int16)])
    return noise, [("beep", padded)]


def test_a_block_is_the_same_alone_and_in_its_stream() -> None:
    noise, words = _recordings()
    stream = [make_block(PLAN, number, noise, words) for number in range(PLAN.blocks)]
    again = make_block(PLAN, 2, noise, words)
    assert len(stream) == 3
    np.testing.assert_array_equal(stream[2].pcm, again.pcm)
    assert stream[2].words == again.words
    assert not np.array_equal(stream[0].pcm, stream[1].pcm)


def test_words_lie_where_the_truth_says_at_their_ratio() -> None:
    noise, words = _recordings()
    for block in (make_block(PLAN, number, noise, words) for number in range(PLAN.blocks)):
        assert len(block.words) == 2
        for word in block.words:
            assert 3990 <= word.end - word.start <= 4000
            first = word.start - block.number * PLAN.block_samples
            part = block.pcm[first : first + word.end - word.start].astype(float)
            spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
            peak = round(1000 * len(part) / 8000)
            tone = spectrum[peak - 3 : peak + 4].sum()
            ratio = 10 * np.log10(tone / (spectrum.sum() - tone))
            assert ratio == pytest.approx(word.snr_db, abs=2.5)
        assert {word.snr_db for word in block.words} == {20.0, 0.0}


def test_negatives_have_no_words_and_nothing_clips() -> None:
    noise, _ = _recordings()
    loud = [np.full(8000, 32767, np.int16)]
    plan = StreamPlan(rate=8000, seconds=10, block_seconds=10, words_per_block=0)
    assert make_block(plan, 0, noise).words == ()
    assert int(np.abs(make_block(plan, 0, loud).pcm.astype(int)).max()) <= 32767


def test_a_stream_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="no recording"):
        make_block(PLAN, 0, [])
    noise, words = _recordings()
    crowded = StreamPlan(rate=8000, seconds=10, block_seconds=1, words_per_block=4)
    with pytest.raises(DataError, match="longer than its share"):
        make_block(crowded, 0, noise, words)
