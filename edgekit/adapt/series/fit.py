"""A small training loop for sets of placed series; a run lasts seconds to minutes and begins anew when killed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import EdgekitError
from edgekit.core.progress import Progress

_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to train.

    Attributes:
        epochs: passes.
        batch: series a step.
        learning_rate: of AdamW, under cosine decay.
        weight_decay: of AdamW.
        seed: of weights, order and dropout.
    """

    epochs: int = 60
    batch: int = 32
    learning_rate: float = 5e-3
    weight_decay: float = 1e-4
    seed: int = 0


def epochs_for(series: int, batch: int = 32, steps: int = 200) -> int:
    """Passes over so many series that make about ``steps`` steps: small sets are shown more often."""
    return max(10, round(steps / max(1, series // batch)))


def fit(model: nn.Module, clips: np.ndarray, targets: np.ndarray, options: FitOptions, progress: Progress) -> float:
    """Train what ``model`` trains on placed series; the mean loss of the last epoch.

    Args:
        model: float32 [N, samples] → logits or log-probabilities [N, classes].
        clips: float32 [N, samples].
        targets: int64 [N].
        options: how.
        progress: told about epochs.

    Raises:
        EdgekitError: the loss is no longer finite.
    """
    draw = np.random.default_rng(options.seed)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.epochs)
    mean = float("nan")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        for epoch in range(options.epochs):
            model.train()
            order = draw.permutation(len(targets))
            losses = [_step(model, optimiser, clips[rows], targets[rows]) for rows in _batches(order, options.batch)]
            schedule.step()
            mean = float(np.mean(losses))
            if not np.isfinite(mean):
                raise EdgekitError("the loss is not finite", where=f"epoch {epoch + 1}", mend="lower the learning rate")
            progress("training", epoch + 1, options.epochs)
    return mean


def _batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Batches of at most ``size``; a last one of a single series joins the one before (batch norm needs two)."""
    parts = np.split(order, range(size, len(order), size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [np.concatenate(parts[-2:])]
    return parts


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, clips: np.ndarray, targets: np.ndarray) -> float:
    loss = functional.cross_entropy(model(torch.from_numpy(clips)), torch.from_numpy(targets))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def outputs(model: nn.Module, clips: np.ndarray) -> Tensor:
    """What ``model`` says in evaluation, [N, classes]."""
    model.eval()
    return torch.cat([model(part) for part in torch.from_numpy(clips).split(_BATCH)])  # type: ignore[no-untyped-call]


@torch.no_grad()
def latents(model: nn.Module, clips: np.ndarray) -> np.ndarray:
    """``model.latent`` of each series, float64 [N, D]."""
    model.eval()
    read = model.latent
    parts = [read(part) for part in torch.from_numpy(clips).split(_BATCH)]  # type: ignore[operator, no-untyped-call]
    return np.asarray(torch.cat(parts).double().numpy())


@torch.no_grad()
def source_logits(model: nn.Module, clips: np.ndarray) -> np.ndarray:
    """``model.source_logits`` of each series, float64 [N, K]."""
    model.eval()
    read = model.source_logits
    parts = [read(part) for part in torch.from_numpy(clips).split(_BATCH)]  # type: ignore[operator, no-untyped-call]
    return np.asarray(torch.cat(parts).double().numpy())


def accuracy(model: nn.Module, clips: np.ndarray, targets: np.ndarray) -> float:
    """Share of the series that ``model`` gets right."""
    return float((outputs(model, clips).argmax(dim=1).numpy() == targets).mean())
