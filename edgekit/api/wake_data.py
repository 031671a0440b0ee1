"""What a wake-word detector learns from: the word, words that sound like it, speech of all kinds, and recordings."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.core.errors import DataError
from edgekit.core.progress import Progress
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Manifest
from edgekit.data.selector import select_clips
from edgekit.data.synth.config import SynthConfig, check_word, label_of
from edgekit.data.synth.confusable import confusable_words
from edgekit.data.synth.espeak import list_variants
from edgekit.data.synth.synthesise import synthesise
from edgekit.data.synth.talk import LANGUAGES, talk_texts
from edgekit.data.synth.voices import EFFECTS

UNKNOWN = "unknown"
_TALK_S = 3.0
_TEXTS = 600
_APART = 3.0
"""Phonemes between the word and its neighbours. Nearer ones cannot be told apart in noise: a model that must learn to
is sure of nothing."""
_TALKERS = 200  # English voices of general speech, at most


@dataclass(frozen=True, kw_only=True)
class WakeSet:
    """How the training set of a wake word is made.

    Attributes:
        phrase: the word, lower-case, spaces allowed.
        voices: synthetic voices; 15 % each are kept for development and test.
        takes: renderings of the word by each voice.
        neighbours: words that sound alike, three phonemes apart at least; each voice says ``takes`` of them.
        talk: clips of general speech by each English voice; voices of other languages say half as many.
        languages: of the general speech.
        seconds: of a clip of the word.
        rate: in Hz.
        seed: of everything.
    """

    phrase: str
    voices: int = 400
    takes: int = 4
    neighbours: int = 120
    talk: int = 8
    languages: tuple[str, ...] = LANGUAGES
    seconds: float = 1.4
    rate: int = 16_000
    seed: int = 0

    @property
    def label(self) -> str:
        """The word's label."""
        return label_of(self.phrase)


def synthesise_words(plan: WakeSet, folder: Path, progress: Progress) -> Manifest:
    """The word and its neighbours in rooms and through microphones, without noise: streams add it at a stated ratio.

    Interrupted, it goes on when called again.

    Raises:
        BadConfigError: a phrase that is no words.
        MissingDependencyError: espeak-ng is not installed.
    """
    check_word(plan.phrase, "the wake word")
    others = dict.fromkeys(
        (*confusable_words(plan.phrase, plan.neighbours, plan.seed, least=_APART), *plan.phrase.split())
    )
    config = SynthConfig(
        words=(plan.phrase,),
        voices=plan.voices,
        takes=plan.takes,
        unknown_words=tuple(word for word in others if word != plan.phrase),
        unknown=plan.takes,
        silence=0,
        rate=plan.rate,
        seconds=plan.seconds,
        seed=plan.seed,
        clean=1.0,
    )
    return synthesise(config, folder, progress)


def synthesise_talk(plan: WakeSet, folder: Path, progress: Progress) -> tuple[Manifest, ...]:
    """General speech, a set a language; the same for every word, so that words may share the folder.

    A variant of espeak-ng's voices is in the split in which it says the word.
    """
    variants = sum(name not in EFFECTS for name in list_variants())
    found = []
    for language in plan.languages:
        english = language == "en"
        config = SynthConfig(
            words=("talk",),  # a set needs a keyword; it is one more text here
            voices=min(plan.voices, _TALKERS if english else variants),
            takes=1,
            unknown_words=talk_texts(language, _TEXTS, plan.seed),
            unknown=plan.talk if english else max(1, plan.talk // 2),
            silence=0,
            rate=plan.rate,
            seconds=_TALK_S,
            seed=plan.seed,
            language=language,
            clean=1.0,
        )
        found.append(synthesise(config, folder / language, progress))
    return tuple(found)


def without_phrase(talk: Manifest, phrase: str) -> Manifest:
    """General speech less the clips in which the word happens to be said."""
    with (talk.root / "manifest.csv").open(newline="", encoding="utf-8") as file:
        said = {row["path"]: row["word"] for row in csv.DictReader(file)}
    return talk.where(lambda clip: f" {phrase} " not in f" {said.get(clip.id, '')} ")


def read_selected(text: str) -> Manifest:
    """The clips of ``PATH`` or ``PATH?SELECTION``.

    Raises:
        DataError: no such set, or nothing selected.
    """
    path, _, selection = text.partition("?")
    manifest = read_manifest(path)
    return select_clips(manifest, selection) if selection else manifest


def decoded(manifest: Manifest, rate: int, cache: Path | None, progress: Progress) -> list[np.ndarray]:
    """int16 recordings at ``rate``.

    Raises:
        DataError: none is usable.
    """
    return [pcm for _, pcm in _named(manifest, rate, cache, progress)]


def real(sets: Sequence[str], rate: int, cache: Path | None, progress: Progress) -> list[tuple[str, np.ndarray]]:
    """(name, int16 samples) of the recordings of several ``PATH?SELECTION``.

    Raises:
        DataError: a set without a usable recording.
    """
    return [item for text in sets for item in _named(read_selected(text), rate, cache, progress)]


def _named(manifest: Manifest, rate: int, cache: Path | None, progress: Progress) -> list[tuple[str, np.ndarray]]:
    audio = AudioCache(manifest, rate, cache, progress)
    found = [(audio.manifest.clips[number].id, np.asarray(audio.clip(number))) for number in range(len(audio))]
    usable = [item for item in found if len(item[1]) >= rate // 10 and int(np.abs(item[1].astype(np.int32)).max()) > 0]
    if not usable:
        raise DataError("no recording with sound in it", where=manifest.name, mend="give others")
    return usable
