"""The Lightning module: a student behind its front-end, trained on augmented batches."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from edgekit.augment.transfer import on_device
from edgekit.augment.waveform import Draw, draw_factors, resample, scale_levels
from edgekit.data.cache import AudioCache
from edgekit.data.windows import Windows, evaluation_windows
from edgekit.train.averaging import move_mean, reestimate_batch_norm
from edgekit.train.batch_maker import BatchMaker, TrainingBatch
from edgekit.train.class_weights import class_weights
from edgekit.train.dataset import ClipBatches, Step
from edgekit.train.evaluation.metrics import Scores, score, softmax
from edgekit.train.hearing import FrontEnd, front_end
from edgekit.train.labels import label_indices
from edgekit.train.loss_watch import LossWatch
from edgekit.train.optimiser import Rest, learning_rate_factor, make_optimiser
from edgekit.train.prefetch import Prefetch, spare_core
from edgekit.train.recipe import Recipe
from edgekit.train.resident import ResidentAudio, resident_audio

_VALID_BATCH = 256
_STATISTICS_BATCHES = 200  # batches from which the batch statistics of averaged weights are estimated, at most


class StudentModule(LightningModule):
    """Trains ``model`` by ``recipe``.

    Lightning's batches are step numbers: the clips of a step, its augmentation and its dropout follow from (seed,
    epoch, step), see :mod:`edgekit.train.dataset`.

    Args:
        model: [N, 1, H, W] → logits.
        frontend: PCM → what the model takes, for validation; a float32 twin of it is part of the training step.
        train: training batches.
        valid: validation clips, or None.
        recipe: everything else.
        labels: class names in the order of the outputs.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        model: nn.Module,
        frontend: FrontEnd,
        train: ClipBatches,
        valid: AudioCache | None,
        recipe: Recipe,
        labels: tuple[str, ...],
    ) -> None:
        super().__init__()
        # Depthwise convolutions run half as long again in NCHW on a CPU.
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frontend = frontend
        self.clips, self.valid, self.recipe = train, valid, recipe
        self.valid_targets = None if valid is None else label_indices(valid, labels)
        # What augmentation does to a clip is far above float32's rounding, which triples the front-end's speed.
        self.maker = BatchMaker(train, front_end(model, frontend.spec, torch.float32), recipe, len(labels))
        counts = np.bincount(train.targets, minlength=len(labels))
        self.register_buffer("class_weights", class_weights(counts, recipe.class_weights), persistent=False)
        self.rest = Rest(model, recipe, len(labels)) if recipe.start.freezes else None
        self.average: nn.Module | None = None
        if recipe.schedule.ema_decay or recipe.schedule.swa_epochs:
            self.average = copy.deepcopy(model).requires_grad_(False).eval()
        self.resident: ResidentAudio | None = None
        self.losses = LossWatch(recipe.name)
        self.prefetch: Prefetch[Step, TrainingBatch] | None = None

    @property
    def kept(self) -> nn.Module:
        """The weights that are validated and exported: the average, where the recipe has one and it has begun."""
        return self.model if self.average is None or self._averaged_epochs < 0 else self.average

    @property
    def _averaged_epochs(self) -> int:
        """Epochs before this one in the mean of the last ``swa_epochs``; negative where it has not begun."""
        plan = self.recipe.schedule
        return self.current_epoch - (plan.epochs - plan.swa_epochs) if plan.swa_epochs else 0

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Loss of one step.

        Raises:
            EdgekitError: the loss is not a finite number.
        """
        step = Step(self.recipe.seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(step.torch_seed())
        loss = self.loss(self.batch(step) if self.prefetch is None else self.prefetch.take(step, self._next(step)))
        self.losses.add(loss, self.current_epoch, batch_idx)
        return loss

    def _next(self, step: Step) -> Step | None:
        """The step after ``step``; None after the run's last."""
        if step.step + 1 < self.clips.steps:
            return dataclasses.replace(step, step=step.step + 1)
        return (
            dataclasses.replace(step, epoch=step.epoch + 1, step=0)
            if step.epoch + 1 < self.recipe.schedule.epochs
            else None
        )

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Cross-entropy with the labels, scalar."""
        return self.label_loss(self.model(batch.features), batch.targets)

    def label_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of logits [N, classes] with target shares, smoothed and weighted as the recipe says."""
        smoothing = self.recipe.schedule.label_smoothing
        return functional.cross_entropy(logits, targets, weight=self.class_weights, label_smoothing=smoothing)

    @torch.no_grad()
    def batch(self, step: Step) -> TrainingBatch:
        """The augmented clips of one step; features stay float32 where the model is bfloat16."""
        with torch.autocast(self.device.type, enabled=False):
            return self._batch(step)

    def _batch(self, step: Step) -> TrainingBatch:
        draw = step.draw()
        indices = self.clips.indices(step.epoch, step.step, step.rank)
        pcm, views = self.waveforms(indices, draw)
        batch: TrainingBatch = self.maker(indices, pcm, views, draw)
        return batch

    def waveforms(self, indices: np.ndarray, draw: Draw) -> tuple[Tensor, np.ndarray | None]:
        """Shifted, sped up and scaled clips, float32 [N, samples] in [-1, 1), and which stored views they are."""
        augment = self.recipe.augment
        pcm = self._pcm(indices, draw) * 2.0**-15
        if augment.speed:
            speeds = on_device(draw_factors(draw, augment.speed, len(pcm)), pcm.device)
            pcm = resample(pcm, speeds, self.frontend.spec.clip_samples)
        if augment.gain_db:
            pcm = scale_levels(pcm, draw, augment.gain_db)
        return pcm, None

    def _pcm(self, indices: np.ndarray, draw: Draw) -> Tensor:
        """int16 [N, source] on the training device, gathered there where the clips lie there."""
        if self.resident is None:
            return on_device(self.clips.pcm(indices, draw), self.device)
        return self.resident.windows(indices, self.clips.source, self.clips.offsets(indices, draw))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the averaged weights after each step of the optimiser; early in training they follow faster."""
        pending = (batch_idx + 1) % self.recipe.schedule.accumulate and batch_idx + 1 < self.clips.steps
        if self.average is None or not self.recipe.schedule.ema_decay or pending:
            return
        taken = self.global_step
        decay = min(self.recipe.schedule.ema_decay, (1.0 + taken) / (10.0 + taken))
        with torch.no_grad():
            current = self.model.state_dict()
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(current[name], 1.0 - decay)
                else:
                    value.copy_(current[name])

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Take the epoch's weights into the mean of the last ones (``swa_epochs``).

        Batch statistics are re-estimated on the first process' batches, which every process draws alike.
        """
        if self.average is None or not self.recipe.schedule.swa_epochs or self._averaged_epochs < 0:
            return
        move_mean(self.average, self.model, 1 + self._averaged_epochs)
        steps = range(min(self.clips.steps, _STATISTICS_BATCHES))
        epoch, seed = self.current_epoch, self.recipe.seed
        reestimate_batch_norm(self.average, (self.batch(Step(seed, epoch, step)).features for step in steps))

    @torch.no_grad()
    def validate(self) -> Scores | None:
        """Scores of the kept weights on the validation clips; None without any."""
        if self.valid is None or self.valid_targets is None:
            return None
        windows = self.recipe.windows
        return score(self.valid_targets, predict(self.kept, self.frontend, self.valid, self.device, windows))

    def beside(self) -> nn.Module | None:
        """What is trained beside the student."""
        return None

    def on_fit_start(self) -> None:
        """Take what the batches are made from to the training device; on a CPU with a spare core, make them there."""
        self.maker.place(self.device)
        if self.device.type == "cuda":
            self.resident = resident_audio(self.clips.cache, self.device)
        if self.device.type == "cpu" and spare_core():
            self.prefetch = Prefetch(self.batch)

    def release(self) -> None:
        """Let go of the thread that makes batches, however the run ended."""
        if self.prefetch is not None:
            self.prefetch.close()
            self.prefetch = None

    def on_train_epoch_start(self) -> None:
        """Let those parameters rest that ``[start]`` says."""
        if self.rest is not None:
            self.rest.apply(self.model, self.current_epoch)

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: Any, **__: Any) -> None:
        """Scale the gradients down to ``schedule.clip_norm``; Lightning's own way refuses fused optimisers."""
        if self.recipe.schedule.clip_norm:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, self.recipe.schedule.clip_norm)

    def configure_optimizers(self) -> Any:
        """Optimiser without weight decay on vectors, and the recipe's schedule stepped with it."""
        plan = self.recipe.schedule
        optimiser = make_optimiser(self.model, self.recipe, self.beside())
        steps = -(-self.clips.steps // plan.accumulate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate_factor(step, plan, steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def predict(
    model: nn.Module, frontend: FrontEnd, cache: AudioCache, device: torch.device, windows: Windows
) -> np.ndarray:
    """Probabilities of all clips, unaugmented, float64 [clips, classes]; the model's mode is restored."""
    was_training = model.training
    model.eval()
    parts = []
    samples = frontend.spec.clip_samples
    heard = evaluation_windows(cache, np.arange(len(cache)), samples, windows)
    for first in range(0, len(heard), _VALID_BATCH):
        part = slice(first, first + _VALID_BATCH)
        pcm = torch.from_numpy(cache.windows(heard.clips[part], samples, heard.offsets[part])).to(device)
        with torch.no_grad():
            parts.append(softmax(model(frontend(pcm)).float().cpu().numpy()))
    model.train(was_training)
    return heard.mean(np.concatenate(parts))
