"""Speaker verification: equal error rate and minimum detection cost of scored trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DataError


@dataclass(frozen=True)
class Verification:
    """How well scores tell trials of one voice from trials of two.

    Attributes:
        trials: number of trials, targets (one voice) among them.
        targets: see ``trials``.
        eer: rate at which misses and false alarms are equal.
        min_dcf: smallest normalised detection cost over all thresholds (NIST SRE 2008), at ``p_target``.
        p_target: prior of a target trial.
        threshold: score at the equal error rate.
    """

    trials: int
    targets: int
    eer: float
    min_dcf: float
    p_target: float
    threshold: float


def verify_trials(scores: np.ndarray, same: np.ndarray, p_target: float = 0.05) -> Verification:
    """Equal error rate and minDCF of scores, the higher the more alike.

    The miss and false-alarm rates at every threshold between two scores; the equal error rate is where the two curves
    cross, interpolated on the segment that crosses. minDCF = min(p·miss + (1 − p)·false alarm) / min(p, 1 − p), with
    costs of 1.

    Args:
        scores: float [N].
        same: bool [N], whether a trial is of one voice.
        p_target: p.

    Raises:
        DataError: no trials of one kind.
    """
    thresholds, missed, false = error_rates(scores, same)
    gap = missed - false  # rises from −1 to 1
    after = int(np.argmax(gap >= 0))
    step = gap[after] - gap[after - 1]
    share = -gap[after - 1] / step
    eer = float(missed[after - 1] + share * (missed[after] - missed[after - 1]))
    cost = p_target * missed + (1.0 - p_target) * false
    least = float(cost.min() / min(p_target, 1.0 - p_target))
    return Verification(len(scores), int(np.sum(same)), eer, least, p_target, float(thresholds[after - 1]))


def error_rates(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both errors at every threshold, which is the detection error trade-off (Martin et al., Eurospeech 1997).

    Args:
        scores: float [N].
        same: bool [N], whether a trial is of one voice.

    Returns:
        The T different scores in rising order [T]; then, from below the first of them to above the last, [T + 1]: the
        share of trials of one voice that are missed, and the share of trials of two that are let in.

    Raises:
        DataError: no trials of one kind.
    """
    same = np.asarray(same, bool)
    targets, others = int(same.sum()), int((~same).sum())
    if not targets or not others:
        raise DataError("trials of one voice and of two are both needed", mend="select more speakers or clips")
    order = np.argsort(scores, kind="stable")
    ranked, kinds = np.asarray(scores, np.float64)[order], same[order]
    last = np.flatnonzero(np.append(np.diff(ranked) > 0, True))  # ties cross a threshold together
    missed = np.concatenate([[0.0], np.cumsum(kinds)[last] / targets])
    false = np.concatenate([[1.0], 1.0 - np.cumsum(~kinds)[last] / others])
    return ranked[last], missed, false


def all_pairs(groups: np.ndarray, sets: np.ndarray, most: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Trials among clips: every pair within one set, or ``most`` of them drawn at random.

    Args:
        groups: [N], the speaker of each clip.
        sets: [N], the data set of each clip: pairs across sets would be told by the recordings, not by the voices.
        most: pairs at most.
        seed: of the draw.

    Returns:
        int64 [P, 2] pairs of clips, and bool [P], whether they are of one voice.
    """
    first, second = np.triu_indices(len(groups), k=1)
    kept = sets[first] == sets[second]
    pairs = np.stack([first[kept], second[kept]], axis=1)
    if len(pairs) > most:
        pairs = pairs[np.sort(np.random.default_rng(seed).choice(len(pairs), most, replace=False))]
    return pairs, groups[pairs[:, 0]] == groups[pairs[:, 1]]
