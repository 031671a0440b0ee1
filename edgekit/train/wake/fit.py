"""Training of a wake-word model on stretches, with the negatives that it finds hard heard again."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import EdgekitError
from edgekit.core.progress import Progress, silent
from edgekit.features.spec import FrontendSpec
from edgekit.models.students.ds_tcn import DsTcn
from edgekit.train.wake.stretches import FRAMES, Stretches
from edgekit.train.wake.vary import Variation, varied

_HARDEST_WINDOWS = 8  # of a stretch whose loss counts once more
_HARD_SHARE = 0.05  # of the negatives that count as hard


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """How a model learns.

    Attributes:
        epochs: passes over the stretches with the word.
        batch_size: stretches a step, half of them with the word.
        learning_rate, weight_decay: of AdamW; the rate rises over the first twentieth and falls to 0 as a cosine.
        ema_decay: of the mean of the weights that is kept.
        after: frames after the word's end up to which a window must detect it.
        heard: share of the word that a window may have heard before it counts as the word.
        hard: share of the negatives of a batch that are drawn from the hardest, once the first third is over.
        extra: weight of the hardest windows of each stretch.
        variation: of the features.
        seed: of everything.
    """

    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    ema_decay: float = 0.995
    after: int = 16
    heard: float = 0.6
    hard: float = 0.4
    extra: float = 0.5
    variation: Variation = field(default_factory=Variation)
    seed: int = 0


def fit(
    model: DsTcn,
    words: Stretches,
    others: Stretches,
    spec: FrontendSpec,
    lesson: Lesson,
    progress: Progress = silent,
    mined: int | None = None,
) -> DsTcn:
    """Train ``model`` of two outputs, the second of which is the word.

    Args:
        model: with fresh weights.
        words: stretches with the word.
        others: without.
        spec: front-end with mean and deviation; its window is the model's.
        lesson: how.
        progress: told about steps.
        mined: how many of ``others``, from the first, are searched for the hardest: the word's neighbours always are,
            and would be all that is found. None searches all.

    Returns:
        The mean of the weights, in evaluation mode.

    Raises:
        EdgekitError: the loss is no longer finite.
    """
    return _Course(model, words, others, spec, lesson, len(others.ends) if mined is None else mined).run(progress)


class _Course:
    def __init__(
        self, model: DsTcn, words: Stretches, others: Stretches, spec: FrontendSpec, lesson: Lesson, mined: int
    ) -> None:
        self.mined = mined
        self.model, self.words, self.others, self.spec, self.lesson = model, words, others, spec, lesson
        self.mean = copy.deepcopy(model).eval().requires_grad_(False)
        self.chance = np.random.default_rng(lesson.seed)
        self.draw = torch.Generator().manual_seed(lesson.seed)
        self.half = lesson.batch_size // 2
        self.steps = lesson.epochs * max(1, len(words.ends) // self.half)
        plain = [p for p in model.parameters() if p.ndim > 1]
        rest = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": plain, "weight_decay": lesson.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=lesson.learning_rate)

    def run(self, progress: Progress) -> DsTcn:
        order = np.zeros(0, np.int64)
        hard: np.ndarray | None = None
        mining = max(1, self.steps // 6)
        for step in range(self.steps):
            if step >= self.steps // 3 and step % mining == 0:
                hard = self._hardest()
            if len(order) < self.half:
                order = np.concatenate([order, self.chance.permutation(len(self.words.ends))])
            chosen, order = order[: self.half], order[self.half :]
            self._step(step, chosen, self._negatives(hard))
            progress("training", step + 1, self.steps)
        return self.mean

    def _negatives(self, hard: np.ndarray | None) -> np.ndarray:
        count = 0 if hard is None else round(self.lesson.hard * self.half)
        easy = self.chance.integers(0, len(self.others.ends), self.half - count)
        return easy if hard is None else np.concatenate([easy, self.chance.choice(hard, count)])

    def _step(self, step: int, words: np.ndarray, others: np.ndarray) -> None:
        features = np.concatenate([self.words.features[words], self.others.features[others]]).astype(np.float32)
        changed = varied(torch.from_numpy(features), self.spec.log_floor, self.lesson.variation, self.draw)
        starts = np.concatenate([self.words.starts[words], self.others.starts[others]])
        ends = np.concatenate([self.words.ends[words], self.others.ends[others]])
        targets = window_targets(starts, ends, self.spec.frames, self.lesson.after, self.lesson.heard)
        for group in self.optimiser.param_groups:
            group["lr"] = self.lesson.learning_rate * _schedule(step / self.steps)
        self.model.train()
        loss = stream_loss(self._margins(self.model, changed), torch.from_numpy(targets), self.lesson.extra)
        if not bool(torch.isfinite(loss)):
            raise EdgekitError(f"the loss is not finite at step {step}", mend="lower optimiser.learning_rate")
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self._average(step)

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.lesson.ema_decay, (1 + step) / (10 + step))
        current = self.model.state_dict()
        for name, value in self.mean.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1.0 - decay)
            else:
                value.copy_(current[name])

    @torch.no_grad()
    def _hardest(self) -> np.ndarray:
        """Numbers of the negatives in which a window is most like the word."""
        tops = []
        for place in range(0, self.mined, 128):
            part = torch.from_numpy(self.others.features[place : min(place + 128, self.mined)].astype(np.float32))
            tops.append(self._margins(self.mean, part).amax(dim=1))
        count = max(1, round(_HARD_SHARE * self.mined))
        return np.asarray(torch.cat(tops).topk(count).indices)

    def _margins(self, model: DsTcn, features: Tensor) -> Tensor:
        """The word's logit less the other's for every window: [N, frames, bins] → [N, windows]."""
        normal = (features - self.spec.mean) / self.spec.std
        told = model.sliding(normal[:, None], self.spec.frames)
        return told[:, 1] - told[:, 0]


def window_targets(starts: np.ndarray, ends: np.ndarray, window: int, after: int, heard: float) -> np.ndarray:
    """1 for windows that must detect the word, 0 for those that must not, −1 for those between.

    A window counts by the frame after its last. It must detect the word from its last frame on for ``after`` frames
    while it holds the word whole, and must not when it holds less than the share ``heard`` of it.

    Args:
        starts: int [N], first frames of the words; 0 without.
        ends: int [N], the frames after their last; 0 without.
        window: frames of it.
        after: frames.
        heard: share of the word.

    Returns:
        float32 [N, FRAMES − window + 1].
    """
    last = np.arange(window, FRAMES + 1)[None]
    starts, ends = starts[:, None], ends[:, None]
    length = ends - starts
    share = np.minimum(last, ends) - np.maximum(last - window, starts)
    targets = np.where(share < heard * length, 0.0, -1.0)
    whole = (last >= ends) & (last - window <= np.maximum(starts, ends - window))
    targets[whole & (last <= ends + after)] = 1.0
    return np.where(length > 0, targets, 0.0).astype(np.float32)


def stream_loss(margins: Tensor, targets: Tensor, extra: float) -> Tensor:
    """Mean over the word's windows, mean over the others', and the hardest of each stretch once more.

    Args:
        margins: [N, windows], of the word's logit.
        targets: [N, windows], see :func:`window_targets`.
        extra: weight of the hardest.
    """
    softplus = nn.functional.softplus
    hit, other = targets == 1.0, targets == 0.0
    missed = softplus(-margins)[hit].mean() if bool(hit.any()) else margins.sum() * 0.0
    accepted = torch.where(other, softplus(margins), 0.0)
    hardest = accepted.topk(_HARDEST_WINDOWS, dim=1).values.mean()
    return missed + accepted.sum() / other.sum() + extra * hardest


def _schedule(done: float) -> float:
    """Share of the learning rate: up over the first twentieth, then down as a cosine."""
    return min(1.0, 20.0 * done + 0.01) * 0.5 * (1.0 + math.cos(math.pi * done))
