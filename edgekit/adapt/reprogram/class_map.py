"""From the source's classes to the task's: fixed by clusters of the source's latent space, or trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require


class StaticMap(nn.Module):
    """A class of the task is the mean of the source classes assigned to it, as log-probabilities.

    Args:
        assignment: for each source class the class of the task, −1 for none.
        classes: of the task.

    Raises:
        BadConfigError: a class of the task without any source class.
    """

    table: Tensor

    def __init__(self, assignment: Sequence[int], classes: int) -> None:
        super().__init__()
        if not all(-1 <= target < classes for target in assignment):
            text = f"a class beyond the {classes} of the task"
            raise BadConfigError(text, where="model.arguments.assignment", mend="count from 0, −1 for none")
        counts = [sum(target == one for target in assignment) for one in range(classes)]
        if not all(counts):
            raise BadConfigError(
                f"{counts.count(0)} classes have no source class",
                where="model.arguments.assignment",
                mend="use a source with at least as many classes, or mapping=trainable",
            )
        shares = [[(target == one) / counts[one] for one in range(classes)] for target in assignment]
        self.register_buffer("table", torch.tensor(shares))

    def forward(self, logits: Tensor) -> Tensor:
        """Source logits [N, K] → log-probabilities [N, classes] (they need not sum to 1 where classes rest)."""
        return (logits.softmax(dim=1) @ self.table).clamp_min(1e-12).log()


class TrainableMap(nn.Module):
    """A linear map of the source's logits, without bias.

    Args:
        sources: classes of the source.
        classes: of the task.
    """

    def __init__(self, sources: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(sources, classes, bias=False)
        nn.init.orthogonal_(self.linear.weight)

    def forward(self, logits: Tensor) -> Tensor:
        """Source logits [N, K] → logits [N, classes]."""
        out: Tensor = self.linear(logits)
        return out


def cluster_assignment(prototypes: np.ndarray, votes: np.ndarray, classes: int, seed: int = 0) -> tuple[int, ...]:
    """The static map: clusters of source classes in the latent space, matched to the classes of the task.

    The rows of the source's last layer are what it looks for in its latent space; k-means joins them into one cluster a
    class of the task, and the clusters are assigned so that together they receive most of the votes that the untouched
    source gives to the task's training clips.

    Args:
        prototypes: [K, D] float, one a source class.
        votes: [K, classes] float, mean probability of each source class over the clips of each class of the task.
        classes: of the task.
        seed: of k-means.

    Returns:
        For each source class, the class of the task.

    Raises:
        BadConfigError: fewer source classes than classes.
        MissingDependencyError: scikit-learn or scipy is not installed.
    """
    if len(prototypes) < classes:
        text = f"a source of {len(prototypes)} classes for a task of {classes}"
        raise BadConfigError(text, where="mapping=static", mend="use mapping=trainable")
    cluster = require("sklearn.cluster", "adapt")
    optimise = require("scipy.optimize", "adapt")
    if len(prototypes) == classes:
        members = np.arange(classes)
    else:
        members = cluster.KMeans(classes, n_init=10, random_state=seed).fit_predict(prototypes)
    together = np.stack([votes[members == number].sum(axis=0) for number in range(classes)])  # [clusters, classes]
    rows, columns = optimise.linear_sum_assignment(-together)
    target = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return tuple(target[int(number)] for number in members)


def many_to_one(sources: int, classes: int, each: int, seed: int = 0) -> tuple[int, ...]:
    """Voice2Series' map: ``each`` source classes drawn at random for every class of the task, the others rest.

    Raises:
        BadConfigError: not enough source classes.
    """
    if each < 1 or sources < each * classes:
        text = f"{each} source classes for each of {classes} classes, the source has {sources}"
        raise BadConfigError(text, where="each", mend="take fewer a class")
    order = np.random.default_rng(seed).permutation(sources)[: each * classes]
    out = np.full(sources, -1)
    out[order] = np.arange(each * classes) % classes
    return tuple(int(value) for value in out)
