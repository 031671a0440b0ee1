"""Model soups: one model from the weights of several runs of the same model (Wortsman et al., ICML 2022)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError, BadFileError, DataError, DigestMismatchError
from edgekit.data.cache import AudioCache
from edgekit.data.windows import evaluation_windows
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.train.averaging import mean_weights, reestimate_batch_norm
from edgekit.train.checkpoint import Checkpoint
from edgekit.train.evaluation.metrics import Scores, score
from edgekit.train.labels import label_indices
from edgekit.train.module import predict

Method = Literal["uniform", "greedy"]
METHODS: tuple[Method, ...] = ("uniform", "greedy")
_BATCH, _STATISTICS_CLIPS = 128, 4096


@dataclass(frozen=True, eq=False)
class Soup:
    """A soup and what went into it.

    Attributes:
        checkpoint: the mean, batch statistics re-estimated.
        chosen: names of its members, in the order in which they were taken.
        alone: what each run scores by itself, by name; empty without validation clips.
        together: what the soup scores; None without validation clips.
    """

    checkpoint: Checkpoint
    chosen: tuple[str, ...]
    alone: dict[str, Scores]
    together: Scores | None


def make_soup(
    members: Sequence[tuple[str, Checkpoint]],
    train: AudioCache,
    valid: AudioCache | None,
    method: Method,
    device: torch.device,
) -> Soup:
    """The mean of all members, or of those that greedily help.

    The greedy soup takes the members from the best to the worst by validation macro accuracy (then log loss) and keeps
    each that does not make the soup worse.

    Args:
        members: name and checkpoint of each run.
        train: clips from which the batch statistics are re-estimated, unaugmented, at most 4,096 windows.
        valid: clips that the greedy method judges by; without them, only "uniform".
        method: "uniform" or "greedy".
        device: where it is computed.

    Raises:
        BadConfigError: fewer than two runs, two of one name, or a greedy soup without validation clips.
        BadFileError: runs of different models.
        DataError: runs of different labels.
        DigestMismatchError: runs of different front-ends.
    """
    _check_members(members)
    if method == "greedy" and valid is None:
        raise BadConfigError("a greedy soup needs validation clips", where="--valid", mend="select some, or be uniform")
    kitchen = _Kitchen(members[0][1], train, valid, device)
    by_name = dict(members)
    alone = {name: kitchen.taste(kitchen.model(item.weights)) for name, item in members} if valid else {}
    chosen = list(by_name)
    if method == "greedy":
        chosen = _greedy(alone, lambda names: kitchen.taste(kitchen.mix([by_name[name] for name in names])))
    model = kitchen.mix([by_name[name] for name in chosen])
    together = kitchen.taste(model) if valid else None
    weights = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    metrics: dict[str, Any] = {"epoch": None, "validation": together.to_json() if together else None, "soup": chosen}
    mixed = dataclasses.replace(members[0][1], weights=weights, metrics=metrics)
    return Soup(mixed, tuple(chosen), alone, together)


def _greedy(alone: dict[str, Scores], taste: Callable[[list[str]], Scores]) -> list[str]:
    ranked = sorted(alone, key=lambda name: _rank(alone[name]), reverse=True)
    chosen, best = ranked[:1], _rank(alone[ranked[0]])
    for name in ranked[1:]:
        scored = _rank(taste([*chosen, name]))
        if scored >= best:
            chosen, best = [*chosen, name], scored
    return chosen


def _rank(scores: Scores) -> tuple[float, float]:
    return scores.macro_accuracy, -scores.log_loss


class _Kitchen:
    """Builds, mixes and tries models on the same clips."""

    def __init__(self, like: Checkpoint, train: AudioCache, valid: AudioCache | None, device: torch.device) -> None:
        self.like, self.train, self.valid, self.device = like, train, valid, device
        self.frontend = TorchFrontend(like.frontend).to(device)
        self.targets = None if valid is None else label_indices(valid, like.labels)

    def model(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The model with these weights."""
        return dataclasses.replace(self.like, weights=weights).build().to(self.device)

    def mix(self, members: Sequence[Checkpoint]) -> nn.Module:
        """The mean; a single member stays as it is, statistics included."""
        if len(members) == 1:
            return self.model(members[0].weights)
        model = self.model(mean_weights([member.weights for member in members]))
        reestimate_batch_norm(model, self._features())
        return model

    def _features(self) -> Iterator[Tensor]:
        """Features of the training clips, evenly spaced, in batches."""
        spec = self.like.frontend
        heard = evaluation_windows(self.train, np.arange(len(self.train)), spec.clip_samples, self.like.windows)
        chosen = np.unique(np.linspace(0, len(heard) - 1, min(len(heard), _STATISTICS_CLIPS)).astype(np.int64))
        for part in np.array_split(chosen, -(-len(chosen) // _BATCH)):
            pcm = self.train.windows(heard.clips[part], spec.clip_samples, heard.offsets[part])
            yield self.frontend(torch.from_numpy(pcm).to(self.device))

    def taste(self, model: nn.Module) -> Scores:
        """Validation scores."""
        if self.valid is None or self.targets is None:
            raise BadConfigError("no validation clips", where="--valid", mend="select some")
        return score(self.targets, predict(model, self.frontend, self.valid, self.device, self.like.windows))


def _check_members(members: Sequence[tuple[str, Checkpoint]]) -> None:
    if len(members) < 2 or len(dict(members)) < len(members):
        raise BadConfigError("a soup needs two runs or more, each once", where="edgekit soup", mend="name more runs")
    first = members[0][1]
    shapes = {name: value.shape for name, value in first.weights.items()}
    for name, item in members[1:]:
        if {key: value.shape for key, value in item.weights.items()} != shapes or item.model != first.model:
            raise BadFileError(f"holds another model than {members[0][0]}", where=name, mend="mix runs of one model")
        if item.labels != first.labels:
            raise DataError(f"has other labels than {members[0][0]}", where=name, mend="mix runs of the same labels")
        if item.frontend != first.frontend:
            text = f"has another front-end than {members[0][0]}"
            mend = "train them on the same clips, or with frontend.normalise=start or spec"
            raise DigestMismatchError(text, where=name, mend=mend)
