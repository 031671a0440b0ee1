"""Teachers: trained runs that say what they hear in a student's clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from edgekit.core import run_files
from edgekit.core.digest import digest_file
from edgekit.core.errors import BadConfigError, DataError
from edgekit.features.spec import FrontendSpec
from edgekit.train.batch_maker import TrainingBatch
from edgekit.train.checkpoint import load_checkpoint
from edgekit.train.hearing import front_end, hears_waveforms


@dataclass(frozen=True, eq=False)
class Teacher:
    """One run, in evaluation mode.

    Attributes:
        name: of its folder.
        model_name: in the registry.
        digest: of its checkpoint file.
        spec: its own front-end.
        model: [N, 1, H, W], or samples (train/hearing.py) → logits in the order of its own labels.
        order: int64 [classes], its output for each of the student's labels.
    """

    name: str
    model_name: str
    digest: str
    spec: FrontendSpec
    model: nn.Module
    order: Tensor

    def logits(self, features: Tensor, keep: Tensor | None = None) -> Tensor:
        """[N, 1, H, W] → logits [N, classes] in the order of the student's labels."""
        out: Tensor = self.model(features) if keep is None else self.model(features, keep)
        return out[:, self.order.to(out.device)].float()

    def to(self, device: torch.device) -> None:
        """Move the weights."""
        self.model.to(device)


def open_teacher(path: Path, labels: tuple[str, ...], sample_rate: int) -> Teacher:
    """The teacher in a run folder or checkpoint file.

    Raises:
        BadFileError: no or a damaged checkpoint.
        DataError: a teacher of other labels (another order is no fault: outputs are matched by name).
        BadConfigError: a teacher at another sample rate.
    """
    checkpoint = load_checkpoint(path)
    order = label_order(checkpoint.labels, labels, str(path))
    if checkpoint.frontend.sample_rate != sample_rate:
        raise BadConfigError(
            f"the teacher hears {checkpoint.frontend.sample_rate} Hz, the student {sample_rate} Hz",
            where=str(path),
            mend="train both at one rate: set frontend.fields.sample_rate of one of them",
        )
    file = run_files.checkpoint_of(path)
    return Teacher(path.name, checkpoint.model, digest_file(file), checkpoint.frontend, checkpoint.build(), order)


def label_order(theirs: Sequence[str], ours: Sequence[str], where: str) -> Tensor:
    """int64 [classes]: place among ``theirs`` of each of ``ours``.

    Raises:
        DataError: not the same labels.
    """
    if set(theirs) != set(ours):
        odd = [f"{name!r} is the teacher's only" for name in theirs if name not in ours]
        odd += [f"{name!r} is the student's only" for name in ours if name not in theirs]
        raise DataError(
            f"a teacher of other labels: {', '.join(odd[:4])}",
            where=where,
            mend="train the teacher on a manifest with the same labels",
        )
    return torch.tensor([list(theirs).index(name) for name in ours], dtype=torch.int64)


class OnlineTeachers:
    """Teachers that run beside the student; where there are several, the mean of their logits counts.

    A teacher whose front-end is the student's (but for mean and deviation) sees the student's very features, masks
    included. Another one computes its own from the same augmented waveforms, mixed in the same pairs.
    """

    def __init__(self, teachers: Sequence[Teacher], student: FrontendSpec) -> None:
        if not teachers:
            raise BadConfigError("no teacher", where="--teacher", mend="name a run folder")
        self.teachers = tuple(teachers)
        self.student = student
        self._frontends = [
            None
            if _same_but_scale(teacher.spec, student) and not hears_waveforms(teacher.model)
            else front_end(teacher.model, teacher.spec, torch.float32)
            for teacher in self.teachers
        ]

    def to(self, device: torch.device) -> None:
        """Move weights and front-ends."""
        for teacher, frontend in zip(self.teachers, self._frontends, strict=True):
            teacher.to(device)
            if frontend is not None:
                frontend.to(device)

    def features(self, batch: TrainingBatch, number: int) -> Tensor:
        """What teacher ``number`` sees of a batch: float32 [N, 1, H, W]."""
        teacher, frontend = self.teachers[number], self._frontends[number]
        if frontend is None:
            values = batch.features * self.student.std + self.student.mean
            return (values - teacher.spec.mean) / teacher.spec.std
        own = frontend(batch.waveforms)
        return own if batch.pairing is None else batch.pairing.blend(own)

    @torch.no_grad()
    def logits(self, batch: TrainingBatch, keep: Tensor | None = None) -> Tensor:
        """Mean of the teachers' logits, float32 [N, classes]."""
        said = [teacher.logits(self.features(batch, i), keep) for i, teacher in enumerate(self.teachers)]
        return torch.stack(said).mean(dim=0)


def _same_but_scale(a: FrontendSpec, b: FrontendSpec) -> bool:
    return a.replace(mean=0.0, std=1.0) == b.replace(mean=0.0, std=1.0)
