"""The training module of a student with teachers."""

from __future__ import annotations

import contextlib

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.augment.transfer import on_device
from edgekit.augment.waveform import Draw
from edgekit.core.errors import BadConfigError
from edgekit.data.cache import AudioCache
from edgekit.train.batch_maker import TrainingBatch
from edgekit.train.dataset import ClipBatches
from edgekit.train.distillation.deit import deit_hard, deit_soft, hard_shares
from edgekit.train.distillation.hinton import hinton, soft_shares
from edgekit.train.distillation.hints import Hints
from edgekit.train.distillation.patchout import check_synchronised, sample_shared
from edgekit.train.distillation.stored import StoredLogits
from edgekit.train.distillation.taps import tapped
from edgekit.train.distillation.teacher import OnlineTeachers, Teacher
from edgekit.train.distillation.views import view_waveforms
from edgekit.train.hearing import FrontEnd
from edgekit.train.module import StudentModule
from edgekit.train.recipe import Recipe

Teaching = tuple[Teacher, ...] | StoredLogits
"""Runs that are asked in every step, or what they said before."""


class DistilledModule(StudentModule):
    """A :class:`StudentModule` whose loss is that of ``[distillation]``.

    Teachers are no part of the module: they are neither trained nor saved. The hints' projections are both, until the
    run has ended.

    Args:
        model, frontend, train, valid, recipe, labels: as the student's.
        teaching: online teachers or stored logits, in the order of ``labels``.

    Raises:
        BadConfigError: a loss that this student or these teachers cannot have.
    """

    def __init__(
        self,
        model: nn.Module,
        frontend: FrontEnd,
        train: ClipBatches,
        valid: AudioCache | None,
        recipe: Recipe,
        labels: tuple[str, ...],
        teaching: Teaching,
    ) -> None:
        super().__init__(model, frontend, train, valid, recipe, labels)
        self.choice = recipe.distillation
        self.stored = teaching if isinstance(teaching, StoredLogits) else None
        self.online = None if isinstance(teaching, StoredLogits) else OnlineTeachers(teaching, frontend.spec)
        self._check_heads()
        self._check_teachers()
        self.hints: Hints | None = None
        if self.online is not None and self.choice.features != "none":
            spec, theirs = frontend.spec.input_shape, self.online.teachers[0].spec.input_shape
            shapes = (spec[1], spec[2]), (theirs[1], theirs[2])
            self.hints = Hints(self.choice, model, self.online.teachers[0].model, shapes)
        self.grid: tuple[int, int] | None = None
        if self.online is not None and self.choice.synchronise_patchout:
            self.grid = check_synchronised(model, self.online.teachers[0].model)

    def _check_heads(self) -> None:
        """DeiT's losses need two heads."""
        heads = 2 if getattr(self.model, "head_dist", None) is not None else 1
        if self.choice.logits.startswith("deit") and heads < 2:
            raise BadConfigError(
                f"{self.choice.logits} needs a distillation token, which {self.recipe.model.name} has not",
                where=f"recipe {self.recipe.name}",
                mend="set model.arguments.distillation=true, or distillation.logits=hinton",
            )

    def _check_teachers(self) -> None:
        """Hints and synchronised patchout need one teacher that runs."""
        if self.choice.needs_online and (self.online is None or len(self.online.teachers) != 1):
            raise BadConfigError(
                "hints and synchronised patchout need one teacher that runs beside the student",
                where=f"recipe {self.recipe.name}",
                mend="give one --teacher RUN, or set distillation.features=none and synchronise_patchout=false",
            )

    def beside(self) -> nn.Module | None:
        """The hints' projections."""
        return self.hints

    def on_fit_start(self) -> None:
        """Take the teachers to the student's device."""
        super().on_fit_start()
        if self.online is not None:
            self.online.to(self.device)

    def waveforms(self, indices: np.ndarray, draw: Draw) -> tuple[Tensor, np.ndarray | None]:
        """The stored views of the clips, one of each drawn, where the store has any; else drawn freely."""
        if self.stored is None or not self.stored.plan.views:
            return super().waveforms(indices, draw)
        views = draw.integers(0, 1 + self.stored.plan.views, len(indices))
        samples = self.frontend.spec.clip_samples
        return view_waveforms(self.clips.cache, indices, self.stored.views[indices, views], samples, self.device), views

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Labels, teacher's logits and hints together, scalar."""
        keep = None
        if self.grid is not None and self.online is not None:
            keep = sample_shared(self.online.teachers[0].model, self.grid, self.device)
        with contextlib.ExitStack() as stack:
            taps: list[dict[str, Tensor]] = []
            if self.hints is not None and self.online is not None:
                taps.append(stack.enter_context(tapped(self.model, self.hints.student_layers)))
                taps.append(stack.enter_context(tapped(self.online.teachers[0].model, self.hints.teacher_layers)))
            heads = self._heads(batch.features, keep)
            said = self._said(batch, keep) if self.choice.logits != "none" or taps else None
            loss = self._logits_loss(heads, said, batch)
            return loss if self.hints is None else loss + self.hints(taps[0], taps[1])

    def _heads(self, features: Tensor, keep: Tensor | None) -> tuple[Tensor, ...]:
        """Logits [N, classes] of each head."""
        if hasattr(self.model, "token_logits"):
            out: tuple[Tensor, ...] = self.model.token_logits(features, keep)
            return out
        return (self.model(features),)

    @torch.no_grad()
    def _said(self, batch: TrainingBatch, keep: Tensor | None) -> Tensor:
        """What the student shall take from the teacher: shares [N, classes], mixed as the clips are."""
        hard = self.choice.logits == "deit-hard"
        temperature = self.choice.temperature
        if self.online is not None:  # the teacher heard the mixture itself
            logits = self.online.logits(batch, keep)
            return hard_shares(logits) if hard else soft_shares(logits, temperature)
        stored = self.stored
        if stored is None:
            raise BadConfigError("no teacher", where=f"recipe {self.recipe.name}", mend="give --teacher")
        views = np.zeros(len(batch.indices), np.int64) if batch.views is None else batch.views
        logits = on_device(stored.logits[batch.indices, views], self.device)
        shares = hard_shares(logits) if hard else soft_shares(logits, temperature)
        return shares if batch.pairing is None else batch.pairing.blend(shares)

    def _logits_loss(self, heads: tuple[Tensor, ...], shares: Tensor | None, batch: TrainingBatch) -> Tensor:
        choice = self.choice
        together = heads[0] if len(heads) == 1 else torch.stack(heads).mean(dim=0)
        if shares is None or choice.logits == "none":
            return self.label_loss(together, batch.targets)
        if choice.logits == "hinton":
            labels = self.label_loss(together, batch.targets)
            return hinton(labels, together, shares, choice.weight, choice.temperature, choice.reduction)
        labels = self.label_loss(heads[0], batch.targets)
        if choice.logits == "deit-hard":
            return deit_hard(labels, heads[1], shares, choice.weight)
        return deit_soft(labels, heads[1], shares, choice.weight, choice.temperature, choice.reduction)
