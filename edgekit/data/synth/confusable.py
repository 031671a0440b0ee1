"""Words that sound nearly like a wake word: what a detector must learn to leave alone.

Candidates are the phrase with a letter or two exchanged, cut or swapped, its parts, and frequent words; espeak-ng says
what each sounds like, and those close to the phrase by phonemes, but no accent of it, are kept. Run as
``python -m edgekit.data.synth.confusable``: espeak-ng lives once in a process.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from edgekit.core.errors import DataError
from edgekit.data.synth.espeak import Espeak
from edgekit.data.synth.words import UNKNOWN_WORDS

_CLASSES = (
    frozenset(["p", "b", "t", "d", "k", "g"]),
    frozenset(["f", "v", "T", "D", "s", "z", "S", "Z", "h", "tS", "dZ"]),
    frozenset(["m", "n", "N"]),
    frozenset(["l", "r", "w", "j"]),
)
"""Consonants that are heard for each other; vowels make one more class."""
_VOWEL_LETTERS, _CONSONANT_LETTERS = "aeiou", "bcdfghklmnprstvwz"
NEAREST = 1.0
"""What is closer than one phoneme of another class, or two of their own, is an accent and no other word."""
_TRIED = 600
_SECONDS = 120


def confusable_words(
    phrase: str, count: int, seed: int = 0, language: str = "en", least: float = NEAREST
) -> tuple[str, ...]:
    """``count`` phrases that sound like ``phrase`` and are not it, nearest first.

    Args:
        phrase: lower-case words.
        count: how many, at most.
        seed: of the candidates.
        language: espeak-ng's voice that pronounces them.
        least: distance that they have at least, in phonemes.

    Raises:
        DataError: espeak-ng has no such language.
        MissingDependencyError: espeak-ng is not installed.
    """
    job = {
        "phrase": phrase,
        "seed": seed,
        "least": max(least, NEAREST),
        "language": "en-us" if language == "en" else language,
    }
    command = [sys.executable, "-m", "edgekit.data.synth.confusable"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        told = done.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
        raise DataError(f"espeak-ng: {told[0]}", where=phrase, mend="pip install 'edgekit[synth]', or another language")
    return tuple(json.loads(done.stdout))[:count]


def main() -> int:
    """The process that asks espeak-ng: a job on stdin, phrases by distance on stdout."""
    job: dict[str, Any] = json.load(sys.stdin)
    espeak = Espeak()
    own = espeak.phonemes(job["phrase"], job["language"])
    near: list[tuple[float, str]] = []
    for text in dict.fromkeys(candidates(job["phrase"], job["seed"])):
        distance = phoneme_distance(own, espeak.phonemes(text, job["language"]))
        if distance >= job["least"]:
            near.append((distance, text))
    json.dump([text for _, text in sorted(near)], sys.stdout)
    return 0


def candidates(phrase: str, seed: int) -> Iterator[str]:
    """Phrases that may sound alike: parts, letters exchanged, left out and doubled, words exchanged, frequent words."""
    words = phrase.split()
    chance = random.Random(f"{seed}/{phrase}")
    yield from words if len(words) > 1 else ()
    for place in range(len(words)):
        for other in UNKNOWN_WORDS:
            yield " ".join([*words[:place], other, *words[place + 1 :]])
    for _ in range(_TRIED):
        text = _changed(phrase, chance)
        if chance.random() < 0.4:
            text = _changed(text, chance)
        if text != phrase and all(len(word) > 1 for word in text.split()):
            yield text


def _changed(text: str, chance: random.Random) -> str:
    """With one letter exchanged for one of its kind, or left out, or a word cut short."""
    places = [place for place, letter in enumerate(text) if letter.isalpha()]
    place = chance.choice(places)
    letters = _VOWEL_LETTERS if text[place] in _VOWEL_LETTERS else _CONSONANT_LETTERS
    kind = chance.random()
    if kind < 0.75:
        return text[:place] + chance.choice(letters) + text[place + 1 :]
    return (text[:place] + text[place + 1 :]).strip()


def phoneme_distance(one: Sequence[str], other: Sequence[str]) -> float:
    """Edit distance; a phoneme for one of its class costs a half, everything else 1."""
    before = [float(column) for column in range(len(other) + 1)]
    for row, a in enumerate(one, start=1):
        now = [float(row)]
        for column, b in enumerate(other, start=1):
            swap = before[column - 1] + (0.0 if a == b else 0.5 if _alike(a, b) else 1.0)
            now.append(min(before[column] + 1.0, now[column - 1] + 1.0, swap))
        before = now
    return before[-1]


def _alike(a: str, b: str) -> bool:
    for group in _CLASSES:
        if a in group or b in group:
            return a in group and b in group
    return True  # both are vowels


if __name__ == "__main__":
    sys.exit(main())
