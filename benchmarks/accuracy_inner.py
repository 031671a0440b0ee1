"""What was tried on FSDD before its last recipe was chosen, without the speaker that is tested.

With lucas set aside, each of the other five is left out in turn and the remaining four train. Steps are named
"inner: …"; a row's fold is the speaker that scored it. Variants that fell behind on the hardest speakers were stopped
before they had all five.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accuracy_accents import SPELLINGS, accent_sets
from accuracy_kws import DENSE, FSDD, PRE, SETS, Corpus, pretrained
from accuracy_run import Experiment

from edgekit.data.synth.config import SynthConfig

SET_ASIDE = "lucas"
SPEAKERS = ("george", "jackson", "nicolas", "theo", "yweweler")
ACCENTS = ("digits@0.3", *(f"digits-{language}@0.4" for language in SPELLINGS))
"""As many clips as ``digits@0.6``, half of them with foreign accents."""
WIDE = ("model.arguments.channels=[48, 96, 160, 192, 192]",)
INNER_SETS: dict[str, SynthConfig] = accent_sets(SETS["digits"], voices=40)


def experiments() -> Iterator[Experiment]:
    """All rows, those that others need first."""
    yield _pretraining("wide", 0, (*WIDE, "model.arguments.head_kernel=[4, 1]"))
    yield _pretraining("third", 2, ())
    starts = (pretrained(FSDD, 0), pretrained(FSDD, 1), f"{FSDD.words}/pre-training/third")
    for seed, start in enumerate(starts):
        yield from _tried("inner: one branch", seed=seed, start=start)
    for count in (2, 3):
        for speaker in SPEAKERS:
            names = tuple(_name("inner: one branch", speaker, seed) for seed in range(count))
            yield _inner(f"inner: {count} joined", speaker, 0, joins=names)
            yield _inner(f"inner: {count} joined and dense", speaker, 0, joins=names, overrides=DENSE)
    yield from _tried("inner: 20 epochs", start=starts[0], overrides=("schedule.epochs=20",))
    yield from _tried("inner: wider", overrides=WIDE, start=f"{FSDD.words}/pre-training/wide")
    yield from _tried("inner: foreign accents", start=starts[0], with_sets=ACCENTS)
    yield from _tried("inner: Freq-MixStyle", start=starts[0], overrides=("augment.mixstyle_probability=0.5",))
    soft = ("distillation.logits=hinton", "distillation.weight=0.7", "distillation.temperature=2")
    for speaker in SPEAKERS:
        names = tuple(_name("inner: one branch", speaker, seed) for seed in range(3))
        yield _inner("inner: under three branches", speaker, 0, start=starts[0], overrides=soft, teachers=names)


def _pretraining(name: str, seed: int, settings: tuple[str, ...]) -> Experiment:
    return Experiment(
        name=f"{FSDD.words}/pre-training/{name}",
        dataset=FSDD.words,
        step="inner: pre-training",
        recipe=FSDD.pre,
        overrides=(*PRE, *settings),
        seed=seed,
        fold="voices",
        train="split=train",
        test="split=test",
        int8=False,
    )


def _tried(step: str, seed: int = 0, **more: Any) -> Iterator[Experiment]:
    """One variant with each of the five speakers left out."""
    for speaker in SPEAKERS:
        yield _inner(step, speaker, seed, **more)


def _name(step: str, speaker: str, seed: int) -> str:
    return f"fsdd/{step}/{speaker}/{seed}"


def _inner(step: str, speaker: str, seed: int, corpus: Corpus = FSDD, **more: Any) -> Experiment:
    sets = {} if "joins" in more else {"with_sets": corpus.mixed}
    return Experiment(
        name=_name(step, speaker, seed),
        dataset=corpus.dataset,
        step=step,
        recipe=corpus.tune,
        fold=speaker,
        seed=seed,
        train=f"speaker!={SET_ASIDE},{speaker}",
        test=f"speaker={speaker}",
        int8=False,
        **{**sets, **more},
    )
