"""What a wake-word detector learns from: the word, words that sound like it, and everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.progress import Progress
from edgekit.data.cache import AudioCache
from edgekit.data.manifest import Clip, Manifest, read_manifest
from edgekit.data.selector import select_clips
from edgekit.data.synth.config import SynthConfig, label_of
from edgekit.data.synth.confusable import confusable_words
from edgekit.data.synth.synthesise import synthesise
from edgekit.data.synth.words import UNKNOWN_WORDS

UNKNOWN = "unknown"
_CONFUSABLE = 60
_LEAST_S = 0.4


@dataclass(frozen=True, kw_only=True)
class WakeSet:
    """How the training set of a wake word is made.

    Attributes:
        phrase: the word, lower-case, spaces allowed.
        voices: synthetic voices; 15 % each are kept for development and test.
        takes: renderings of the word by each voice.
        neighbours: words that sound alike, of the label "unknown".
        seconds: of a clip.
        rate: in Hz.
        seed: of everything.
    """

    phrase: str
    voices: int = 200
    takes: int = 4
    neighbours: int = _CONFUSABLE
    seconds: float = 1.4
    rate: int = 16_000
    seed: int = 0

    @property
    def label(self) -> str:
        """The word's label."""
        return label_of(self.phrase)


def synthesise_set(plan: WakeSet, folder: Path, progress: Progress) -> Manifest:
    """The word, its neighbours, frequent words and silence, rendered; goes on where it was interrupted.

    Raises:
        BadConfigError: a phrase that is no words.
        MissingDependencyError: espeak-ng is not installed.
    """
    if not plan.phrase.strip() or plan.phrase != plan.phrase.strip().lower():
        raise BadConfigError(f"{plan.phrase!r} is no wake word", mend="write lower-case words")
    others = dict.fromkeys((*confusable_words(plan.phrase, plan.neighbours, plan.seed), *UNKNOWN_WORDS))
    config = SynthConfig(
        words=(plan.phrase,),
        voices=plan.voices,
        takes=plan.takes,
        unknown_words=tuple(word for word in others if word != plan.phrase),
        unknown=4 * plan.takes,
        silence=2 * plan.voices,
        rate=plan.rate,
        seconds=plan.seconds,
        seed=plan.seed,
        snr_db=(5.0, 30.0),
    )
    return synthesise(config, folder, progress)


def with_recordings(synthetic: Manifest, plan: WakeSet, negatives: Sequence[str], positives: Sequence[str]) -> Manifest:
    """The synthetic set with recordings: real negatives cut into clips, and real takes of the word.

    Args:
        synthetic: of :func:`synthesise_set`.
        plan: whose label and clip length count.
        negatives: data sets without the word, ``PATH`` or ``PATH?SELECTION`` (``esc10?fold=1,2``).
        positives: data sets of which every clip is the word.

    Raises:
        DataError: a set that cannot be read, or has no usable clip.
    """
    clips = list(synthetic.clips)
    for number, (text, label) in enumerate([*((n, UNKNOWN) for n in negatives), *((p, plan.label) for p in positives)]):
        chosen = read_selected(text)
        for clip in chosen.clips:
            pieces = _pieces(clip, plan.seconds) if label == UNKNOWN else [clip]
            clips += [
                replace(piece, id=f"recordings{number}/{piece.id}", label=label, split="train") for piece in pieces
            ]
    return replace(synthetic, clips=tuple(clips))


def read_selected(text: str) -> Manifest:
    """The clips of ``PATH`` or ``PATH?SELECTION``.

    Raises:
        DataError: no such set, or nothing selected.
    """
    path, _, selection = text.partition("?")
    manifest = read_manifest(path)
    return select_clips(manifest, selection) if selection else manifest


def _pieces(clip: Clip, seconds: float) -> list[Clip]:
    """A long clip as stretches of ``seconds``; its length must be known to be cut."""
    if not clip.sample_rate or not clip.samples:
        return [clip]
    step = round(seconds * clip.sample_rate)
    starts = range(0, max(1, clip.samples - round(_LEAST_S * clip.sample_rate)), step)
    return [
        replace(clip, id=f"{clip.id}+{start}", start=clip.start + start, samples=min(step, clip.samples - start))
        for start in starts
    ]


def decoded(manifest: Manifest, rate: int, cache: Path | None, progress: Progress) -> list[np.ndarray]:
    """int16 recordings at ``rate``.

    Raises:
        DataError: none is usable.
    """
    audio = AudioCache(manifest, rate, cache, progress)
    found = [np.asarray(audio.clip(number)) for number in range(len(audio))]
    usable = [pcm for pcm in found if len(pcm) >= rate // 10 and int(np.abs(pcm.astype(np.int32)).max()) > 0]
    if not usable:
        raise DataError("no recording with sound in it", where=manifest.name, mend="give others")
    return usable
