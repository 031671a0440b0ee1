"""Few clips of each class, and what each step of the way to the final keyword models gives: one fold, one seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accuracy_kws import DSPSPEECH, FSDD, NEW_SPEAKERS, Corpus, experiment, pretrained
from accuracy_run import Experiment

SHOTS = (10, 20, 50, 100)
ONE_FOLD = "jackson"
SHORT = 100
"""Steps after which few-shot tuning has used the clips and not yet forgotten the synthetic voices."""
SOFT = ("distillation.logits=hinton", "distillation.weight=0.5", "distillation.temperature=2")


def experiments() -> Iterator[Experiment]:
    """All rows, those that others need first."""
    for corpus, fold in ((FSDD, ONE_FOLD), (DSPSPEECH, NEW_SPEAKERS)):
        yield from _few_shot(corpus, fold)
        yield from _ablation(corpus, fold)


def _few_shot(corpus: Corpus, fold: str) -> Iterator[Experiment]:
    """The same number of steps whatever the number of clips: from random weights, pre-trained, distilled.

    The teacher is the model of step "final": it knows all training clips, the student learns from what it says of the
    few, in every step anew. Pre-trained weights are also tuned for a few steps only, before they forget.
    """
    for clips in SHOTS:
        common: dict[str, Any] = {"clips": clips, "overrides": _steps(corpus, clips, corpus.few_shot)}
        yield experiment(corpus, "few-shot from scratch", fold, corpus.tune, **common)
        yield experiment(corpus, "few-shot pre-trained", fold, corpus.tune, start=pretrained(corpus), **common)
        short = common | {"overrides": _steps(corpus, clips, SHORT)}
        for start, begun in (("", "from scratch"), (pretrained(corpus), "pre-trained")):
            yield experiment(corpus, f"few-shot {begun}; {SHORT} steps", fold, corpus.tune, start=start, **short)
        soft = common | {"overrides": (*common["overrides"], *SOFT), "teachers": (_teacher(corpus, fold),)}
        yield experiment(corpus, "few-shot distilled", fold, corpus.tune, **soft)


def _steps(corpus: Corpus, clips: int, steps: int) -> tuple[str, ...]:
    """Settings of a run of so many steps on so many clips of each class."""
    batch = min(64, clips * corpus.classes)
    epochs = max(1, steps // max(1, clips * corpus.classes // batch))
    return (
        *(f"schedule.epochs={epochs}", f"schedule.warmup_epochs={epochs / 10:g}"),
        *("schedule.keep=last", f"schedule.valid_every={epochs}"),
    )


def _teacher(corpus: Corpus, fold: str) -> str:
    """Name of the model that teaches on this fold: the final one, with its strides."""
    return f"{corpus.dataset}/final/0" if corpus is DSPSPEECH else f"{corpus.dataset}/joined/{fold}"


def _ablation(corpus: Corpus, fold: str) -> Iterator[Experiment]:
    """One run a step: no KD, KD, then one family of augmentations after the other, then synthetic keywords.

    The teacher is the model of step "final", which is asked in every step.
    """
    off = tuple(setting for _, settings in corpus.ladder for setting in settings)
    base = corpus.ablation
    yield experiment(corpus, "ablation 0: no KD, no augmentation", fold, corpus.tune, overrides=(*base, *off))
    taught: dict[str, Any] = {"teachers": (_teacher(corpus, fold),)}
    step = "ablation 1: + KD"
    yield experiment(corpus, step, fold, corpus.tune, overrides=(*base, *off, *SOFT), **taught)
    for number, (name, settings) in enumerate(corpus.ladder):
        off = off[len(settings) :]
        step = f"ablation {2 + number}: {name}"
        yield experiment(corpus, step, fold, corpus.tune, overrides=(*base, *off, *SOFT), **taught)
    step = f"ablation {2 + len(corpus.ladder)}: + synthetic pre-training"
    start = pretrained(corpus)
    yield experiment(corpus, step, fold, corpus.tune, start=start, overrides=(*base, *SOFT), **taught)
    if corpus.mixed:
        step = f"ablation {3 + len(corpus.ladder)}: + synthetic clips beside the real ones"
        more: dict[str, Any] = {"with_sets": corpus.mixed, "overrides": (*corpus.tuning, *SOFT), **taught}
        yield experiment(corpus, step, fold, corpus.tune, start=start, **more)
