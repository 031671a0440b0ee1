"""Which voices speak a set, and to which split each belongs.

A variant (the timbre of a voice) never crosses splits, whatever accents it speaks in; so the voices of the test split
are new to a model in every respect.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.errors import BadConfigError
from edgekit.data.synth.config import SynthConfig

# Accents of English in espeak-ng; "en" is British.
ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
# Variants that are effects and no voices.
EFFECTS = frozenset(
    {"Demonic", "UniRobot", "anikaRobot", "croak", "fast", "Tweaky", "whisper", "whisperf", "AnxiousAndy", "Storm"}
    | {"robosoft", *(f"robosoft{i}" for i in range(2, 9)), "RicishayMax", "RicishayMax2", "RicishayMax3"}
)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Voice:
    """One speaker: espeak-ng's voice name, the split, and the person's own pitch (0 to 99) and speed (words/min)."""

    name: str
    split: str
    pitch: int
    speed: int

    @property
    def speaker(self) -> str:
        """Name for files and the column ``speaker``."""
        return self.name.replace(" ", "-").replace("/", "-")


def plan_voices(config: SynthConfig, variants: Sequence[str]) -> tuple[Voice, ...]:
    """Choose ``config.voices`` voices and split them by variant.

    Args:
        config: voices, language, shares and seed are used.
        variants: names of espeak-ng's variants.

    Raises:
        BadConfigError: more voices are wanted than there are pairs of accent and variant.
    """
    chance = random.Random(f"{config.seed}/voices")
    names = [name for name in variants if name not in EFFECTS]
    accents = list(ACCENTS) if config.language == "en" else [config.language]
    most = len(names) * len(accents)
    if config.voices > most:
        mend = f"espeak-ng has {most} voices in {config.language!r}; raise takes instead"
        raise BadConfigError(f"{config.voices} voices are too many", where="voices", mend=mend)
    chance.shuffle(names)
    used = names[: config.voices]
    counts = split_counts(len(used), config.shares)
    split = dict(zip(used, (s for s in SPLITS for _ in range(counts[s])), strict=True))
    first = {name: chance.randrange(len(accents)) for name in used}
    voices = []
    for index in range(config.voices):
        variant = used[index % len(used)]
        accent = accents[(first[variant] + index // len(used)) % len(accents)]
        voices.append(Voice(f"{accent}+{variant}", split[variant], chance.randint(30, 70), chance.randint(130, 190)))
    return tuple(voices)


def split_counts(total: int, shares: Sequence[float]) -> dict[str, int]:
    """How many of ``total`` go to each split, at least one each; what rounding leaves goes to train.

    Raises:
        BadConfigError: nothing would be left for train.
    """
    validation, test = (max(1, round(total * share)) for share in shares[1:])
    if total - validation - test < 1:
        raise BadConfigError(f"{total} voices cannot be split by {tuple(shares)}", where="voices", mend="use more")
    return {"train": total - validation - test, "validation": validation, "test": test}
