"""Keyword experiments of the accuracy campaign: FSDD by speaker left out, DSPSpeech's new speakers, few-shot."""

from __future__ import annotations

from collections.abc import Iterator

from accuracy_run import Experiment

from edgekit.data.synth.config import SynthConfig

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
SEEDS = (0, 1, 2)
CHOSEN = (
    "FSDD: recipe chosen on the folds george, nicolas and yweweler; jackson, lucas and theo were first run with the "
    "final recipe."
)

_QUIET = {
    "silence": 0,
    "format": "wav",
    "snr_db": (10.0, 40.0),
    "clean": 0.4,
    "rooms": 0.5,
    "shares": (0.9, 0.05, 0.05),
}
SETS: dict[str, SynthConfig] = {
    "digits-8khz": SynthConfig(
        words=tuple("0123456789"), voices=400, takes=2, rate=8000, seconds=0.8, unknown_words=(), unknown=0, **_QUIET
    ),
    "dspspeech-words": SynthConfig(
        words=("close", "open", "print", "process", "project", "signal", "speaker", "speech"),
        voices=240,
        takes=2,
        seconds=1.2,
        unknown=4,
        **_QUIET,
    ),
}


def experiments() -> Iterator[Experiment]:
    """All rows, those that others need first."""
    for speaker in SPEAKERS:
        yield _fsdd("final", speaker)
    for seed in SEEDS:
        yield _dspspeech("final", seed)


def _fsdd(step: str, speaker: str) -> Experiment:
    return Experiment(
        name=f"fsdd/{step}/{speaker}",
        dataset="fsdd",
        step=step,
        recipe="kws-dscnn-8khz",
        fold=speaker,
        train=f"speaker!={speaker}",
        test=f"speaker={speaker}",
        with_sets=("digits-8khz",),
    )


def _dspspeech(step: str, seed: int) -> Experiment:
    return Experiment(
        name=f"dspspeech/{step}/{seed}",
        dataset="dspspeech",
        step=step,
        recipe="kws-dscnn-robust",
        fold="spk21..spk25",
        train="speaker=spk00..spk17",
        valid="speaker=spk18..spk20",
        test="speaker=spk21..spk25",
        seed=seed,
    )
