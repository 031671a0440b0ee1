"""What general speech says: rows of frequent words, calls to other devices, and numbers in several languages.

A number is written the same in every language, so one list of texts is speech in all of them.
"""

from __future__ import annotations

import random

from edgekit.data.synth.words import UNKNOWN_WORDS

LANGUAGES = ("en", "de", "fr", "es", "it", "cmn", "hi", "ru")
"""espeak-ng's voices; the first says words, too."""
_LITTLE = (
    *("the", "of", "and", "to", "in", "that", "it", "is", "was", "for", "on", "are", "with", "they", "be", "at"),
    *("have", "this", "from", "or", "had", "by", "not", "but", "what", "all", "were", "when", "we", "there", "can"),
    *("an", "your", "which", "their", "said", "if", "do", "will", "each", "how", "them", "then", "she", "many", "some"),
    *("so", "these", "would", "into", "has", "more", "her", "two", "like", "him", "see", "time", "could", "no", "make"),
    *("than", "first", "been", "its", "who", "now", "my", "made", "over", "did", "down", "only", "way", "find", "use"),
    *("may", "long", "little", "very", "just", "where", "most", "know", "get", "through", "back", "much", "go", "good"),
    *("new", "write", "our", "used", "me", "man", "too", "any", "day", "same", "right", "look", "think", "also"),
    *("around", "another", "came", "come", "work", "three", "word", "must", "does", "part", "even", "place", "well"),
    *("zero", "one", "four", "five", "six", "seven", "eight", "nine", "yes", "left", "up", "off", "stop", "open"),
    *("close", "project", "signal", "process", "print", "speaker", "speech", "please", "turn", "light", "play"),
)
_CALLS = ("hey", "okay", "hello", "hi", "good", "dear", "listen", "wake up", "attention", "excuse me")


def talk_texts(language: str, count: int, seed: int = 0) -> tuple[str, ...]:
    """Texts of one to five words, or one or two numbers; distinct, at most 64 letters.

    Args:
        language: "en" has words and numbers, every other numbers alone.
        count: how many.
        seed: of the choice.
    """
    chance = random.Random(f"{seed}/talk/{language}")
    found: dict[str, None] = {}
    while len(found) < count:
        text = _words(chance) if language == "en" and chance.random() < 0.8 else _numbers(chance)
        if len(text) <= 64:
            found[text] = None
    return tuple(found)


def _words(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.25:
        return f"{chance.choice(_CALLS)} {chance.choice(UNKNOWN_WORDS)}"
    if kind < 0.4:
        return chance.choice((*UNKNOWN_WORDS, *_LITTLE))
    return " ".join(chance.choice((*UNKNOWN_WORDS, *_LITTLE, *_LITTLE)) for _ in range(chance.randint(2, 5)))


def _numbers(chance: random.Random) -> str:
    return " ".join(str(chance.randrange(10 ** chance.randint(1, 3))) for _ in range(chance.randint(1, 3)))
