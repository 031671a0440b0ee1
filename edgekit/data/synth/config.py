"""What a synthetic keyword set is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgekit.core.digest import digest_json
from edgekit.core.errors import BadConfigError
from edgekit.data.synth.words import UNKNOWN_WORDS

RECIPE_VERSION = 1
"""Raise when the same configuration gives other samples."""

FORMATS = ("flac", "wav")
RESERVED = ("silence", "unknown")
MAX_CLIPS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class SynthConfig:
    """A keyword set to be rendered; the same configuration always gives the same files.

    Attributes:
        words: the keywords, each a label; spaces are allowed inside and become ``_`` in the label.
        voices: number of voices; each belongs to one split.
        takes: renderings of each keyword by each voice.
        unknown_words: words for the label "unknown"; None takes a built-in list less the keywords, empty makes none.
        unknown: unknown clips by each voice; None is twice ``takes``.
        silence: clips of the label "silence" (background noise only) in the whole set.
        rate: sample rate in Hz.
        seconds: length of every clip.
        seed: of every random choice.
        language: of espeak-ng, "en" for all accents of English, else a voice name such as "de".
        spellings: how each of ``words`` is written for the synthesiser, in their order; empty writes them as they are.
            English words in another language's letters and voice ("siro", "uan", "tuh" in German) are English with a
            foreign accent.
        shares: of the voices that go to train, validation and test.
        snr_db: range of the signal-to-noise ratio; ``clean`` of the clips get no noise.
        clean: share of spoken clips without background noise.
        rooms: share of spoken clips in a reverberant room.
        level_db: range of the speech level, RMS over the word, in dB below full scale.
        noise_folder: recordings of background noise, used beside the generated noises.
        microphone_folder: impulse responses of microphones in place of the synthetic ones.
        format: "flac" or "wav".

    Raises:
        BadConfigError: an impossible value; the message names the field.
    """

    words: tuple[str, ...]
    voices: int = 40
    takes: int = 4
    unknown_words: tuple[str, ...] | None = None
    unknown: int | None = None
    silence: int = 200
    rate: int = 16_000
    seconds: float = 1.0
    seed: int = 0
    language: str = "en"
    spellings: tuple[str, ...] = ()
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    snr_db: tuple[float, float] = (5.0, 30.0)
    clean: float = 0.2
    rooms: float = 0.7
    level_db: tuple[float, float] = (-32.0, -16.0)
    noise_folder: Path | None = None
    microphone_folder: Path | None = None
    format: str = "flac"

    def __post_init__(self) -> None:
        _check_words(self)
        _between(self, "voices", 3, 2_000, "one voice at least for each of train, validation and test")
        _between(self, "takes", 1, 1_000)
        _between(self, "unknown_per_voice", 0, 10_000)
        _between(self, "silence", 0, 1_000_000)
        _between(self, "rate", 4_000, 48_000)
        _between(self, "seconds", 0.25, 30.0)
        _between(self, "clean", 0.0, 1.0)
        _between(self, "rooms", 0.0, 1.0)
        for name in ("snr_db", "level_db"):
            if getattr(self, name)[0] > getattr(self, name)[1]:
                raise BadConfigError("the range runs backwards", where=name, mend="give the lower value first")
        if self.level_db[1] > 0:
            raise BadConfigError("a level above full scale", where="level_db", mend="give values up to 0")
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise BadConfigError(f"{self.shares} are no shares", where="shares", mend="three positive, with sum 1")
        if self.format not in FORMATS:
            raise BadConfigError(f"unknown format {self.format!r}", where="format", mend="use flac or wav")
        if not all(character.isascii() and (character.isalnum() or character in "-_/") for character in self.language):
            raise BadConfigError(f"{self.language!r} is no language", where="language", mend='write "en" or "de"')
        if self.voices * (self.takes * len(self.words) + self.unknown_per_voice) + self.silence > MAX_CLIPS:
            raise BadConfigError(f"more than {MAX_CLIPS:,} clips", where="voices", mend="use fewer voices or takes")

    @property
    def unknown_per_voice(self) -> int:
        """Unknown clips by each voice."""
        return 2 * self.takes if self.unknown is None else self.unknown

    @property
    def texts(self) -> tuple[str, ...]:
        """What is said for each of ``words``."""
        return self.spellings or self.words

    @property
    def fillers(self) -> tuple[str, ...]:
        """The words of the label "unknown"."""
        return (
            tuple(w for w in UNKNOWN_WORDS if w not in self.words)
            if self.unknown_words is None
            else (self.unknown_words)
        )

    @property
    def samples(self) -> int:
        """Samples of a clip."""
        return round(self.seconds * self.rate)

    def to_json(self) -> dict[str, Any]:
        """All fields as plain values, and the version of the recipe; without the spellings where there are none."""
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items() if k != "spellings" or v}
        return {**plain, "recipe": RECIPE_VERSION}

    @property
    def digest(self) -> str:
        """Digest over :meth:`to_json`."""
        return digest_json(self.to_json())


def label_of(word: str) -> str:
    """The label, and folder name, of a keyword."""
    return word.replace(" ", "_")


def config_from_json(value: dict[str, Any]) -> SynthConfig:
    """The inverse of :meth:`SynthConfig.to_json`; for edgekit's own worker processes."""
    known: dict[str, Any] = {field.name: value[field.name] for field in fields(SynthConfig) if field.name in value}
    for name in ("noise_folder", "microphone_folder"):
        known[name] = Path(known[name]) if known[name] is not None else None
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in known.items()}
    return SynthConfig(**plain)


def _between(config: SynthConfig, name: str, low: float, high: float, why: str = "") -> None:
    value = getattr(config, name)
    if not low <= value <= high:
        mend = f"give {low:,} to {high:,}" + (f": {why}" if why else "")
        raise BadConfigError(f"{value} is out of range", where=name, mend=mend)


def check_word(word: str, where: str) -> None:
    """A word, or several, that can be said and is a label.

    Raises:
        BadConfigError: it has other characters, or is too long.
    """
    plain = word.replace(" ", "").replace("'", "").replace("-", "")
    if not plain.isalnum() or word != word.strip().lower() or len(word) > 64:
        mend = "use lower-case letters, digits, spaces, ' and -, up to 64 characters"
        raise BadConfigError(f"{word!r} is no word", where=where, mend=mend)


def _check_words(config: SynthConfig) -> None:
    if not config.words:
        raise BadConfigError("no keyword", where="words", mend="give words, as in --words yes,no,up,down")
    _check_spellings(config)
    for where, words in (("words", config.words), ("unknown_words", config.unknown_words or ())):
        for word in words:
            check_word(word, where)
        twice = {word for word in words if words.count(word) > 1}
        if twice:
            raise BadConfigError(f"{min(twice)!r} is there twice", where=where, mend="remove one of them")
    taken = {label_of(word) for word in config.words} & set(RESERVED)
    if taken:
        raise BadConfigError(f"{min(taken)!r} is a label of its own", where="words", mend="choose another keyword")
    both = set(config.words) & set(config.unknown_words or ())
    if both:
        raise BadConfigError(f"{min(both)!r} is a keyword as well", where="unknown_words", mend="remove one of them")
    if config.unknown_words is None and not config.language.startswith("en"):
        mend = "give --unknown-words in that language; an empty list makes none"
        raise BadConfigError(f"the built-in words are not {config.language!r}", where="unknown_words", mend=mend)
    if config.unknown_words == () and config.unknown:
        raise BadConfigError("no unknown word to say", where="unknown_words", mend="give words, or unknown = 0")


def _check_spellings(config: SynthConfig) -> None:
    if not config.spellings:
        return
    if len(config.spellings) != len(config.words):
        text = f"{len(config.spellings)} spellings for {len(config.words)} words"
        raise BadConfigError(text, where="spellings", mend="give one a word, in the same order")
    for text in config.spellings:
        # Letters of any script, vowel signs included; what espeak-ng reads as markup or phonemes stays out.
        if not text.strip() or len(text) > 64 or not text.isprintable() or any(mark in text for mark in "[]<>&"):
            mend = "write letters of that language, up to 64"
            raise BadConfigError(f"{text!r} is no spelling", where="spellings", mend=mend)
