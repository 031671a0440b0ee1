"""Every random choice of a set, made beforehand: who says what, how, where, through which microphone.

A choice depends on the seed and the clip's own path only, so adding voices or words leaves the other clips as they are,
and the order of work does not matter.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgekit.data.synth.config import SynthConfig, label_of
from edgekit.data.synth.espeak import SPEEDS
from edgekit.data.synth.voices import SPLITS, Voice, split_counts

NO_NOISE, NO_ROOM = "none", -1
GENERATED = ("white", "pink", "brown", "babble", "hum")
ROOMS = 24
"""Rooms of a set; a third of them each belongs to train, validation and test."""


@dataclass(frozen=True)
class Take:
    """One clip to be rendered.

    Attributes:
        path: relative to the set's folder.
        label: class name.
        split: of its voice.
        text: what is said; empty for silence.
        voice: espeak-ng's voice name; empty for silence.
        speaker: the voice as a name without spaces; empty for silence.
        speed: words per minute.
        pitch: 0 to 99.
        pitch_range: 0 to 99.
        place: 0 puts the word at the start of the clip, 1 at its end.
        level_db: RMS of the word (of the noise, in silence), relative to full scale.
        noise: name of the background noise, or "none".
        snr_db: signal-to-noise ratio.
        room: number of the room, or -1.
        device: name of the microphone.
    """

    path: str
    label: str
    split: str
    text: str
    voice: str
    speaker: str
    speed: int
    pitch: int
    pitch_range: int
    place: float
    level_db: float
    noise: str
    snr_db: float
    room: int
    device: str

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def plan_takes(
    config: SynthConfig, voices: Sequence[Voice], noises: Sequence[str], devices: Sequence[str]
) -> tuple[Take, ...]:
    """All clips of a set, voice by voice, silence last.

    Args:
        config: the set.
        voices: its speakers.
        noises: names of background noises to choose from.
        devices: names of microphones to choose from.
    """
    takes: list[Take] = []
    for voice in voices:
        for label, text, number in _utterances(config, voice):
            path = f"{label}/{voice.speaker}_{number:03d}.{config.format}"
            takes.append(_speech(config, voice, label, text, path, noises, devices))
    takes.extend(_silences(config, noises, devices))
    return tuple(takes)


def _utterances(config: SynthConfig, voice: Voice) -> Iterator[tuple[str, str, int]]:
    for word, text in zip(config.words, config.texts, strict=True):
        for number in range(config.takes):
            yield label_of(word), text, number
    if not config.fillers:
        return
    chance = random.Random(f"{config.seed}/unknown/{voice.name}")
    bag: list[str] = []
    for number in range(config.unknown_per_voice):
        if not bag:
            bag = chance.sample(config.fillers, len(config.fillers))
        yield "unknown", bag.pop(), number


def _speech(
    config: SynthConfig,
    voice: Voice,
    label: str,
    text: str,
    path: str,
    noises: Sequence[str],
    devices: Sequence[str],
) -> Take:
    chance = random.Random(f"{config.seed}/{path}")
    speed = min(max(round(voice.speed * chance.uniform(0.85, 1.2)), SPEEDS[0]), SPEEDS[1])
    return Take(
        path=path,
        label=label,
        split=voice.split,
        text=text,
        voice=voice.name,
        speaker=voice.speaker,
        speed=speed,
        pitch=min(max(round(voice.pitch + chance.gauss(0, 8)), 0), 99),
        pitch_range=chance.randint(25, 80),
        place=chance.random(),
        level_db=chance.uniform(*config.level_db),
        noise=NO_NOISE if chance.random() < config.clean else chance.choice(noises),
        snr_db=chance.uniform(*config.snr_db),
        room=_room(chance, voice.split) if chance.random() < config.rooms else NO_ROOM,
        device=chance.choice(devices),
    )


def _silences(config: SynthConfig, noises: Sequence[str], devices: Sequence[str]) -> Iterator[Take]:
    """Background noise only, 20 to 45 dB below full scale, shared among the splits like the voices."""
    counts = split_counts(config.silence, config.shares) if config.silence >= len(SPLITS) else {}
    splits = [name for name in SPLITS for _ in range(counts.get(name, 0))] or ["train"] * config.silence
    for number, split in enumerate(splits):
        path = f"silence/noise_{number:05d}.{config.format}"
        chance = random.Random(f"{config.seed}/{path}")
        yield Take(
            path=path,
            label="silence",
            split=split,
            text="",
            voice="",
            speaker="",
            speed=0,
            pitch=0,
            pitch_range=0,
            place=0.0,
            level_db=chance.uniform(-45.0, -20.0),
            noise=chance.choice(noises),
            snr_db=0.0,
            room=NO_ROOM,
            device=chance.choice(devices),
        )


def _room(chance: random.Random, split: str) -> int:
    """A room of the split: a model is tested in rooms that it has not heard."""
    return len(SPLITS) * chance.randrange(ROOMS // len(SPLITS)) + SPLITS.index(split)
