"""Soft targets (Hinton, Vinyals, Dean 2015): (1 − λ)·CE + λ·τ²·KL(teacher ‖ student)."""

from __future__ import annotations

from torch import Tensor

from edgekit.train.distillation.choice import Reduction


def soft_shares(logits: Tensor, temperature: float) -> Tensor:
    """softmax(z/τ) of logits [..., classes]: what a teacher says, ready to be mixed."""
    return (logits / temperature).softmax(dim=-1)


def divergence(logits: Tensor, shares: Tensor, temperature: float, reduction: Reduction) -> Tensor:
    """KL(shares ‖ softmax(z/τ)), scalar.

    Args:
        logits: z of the student, [N, classes].
        shares: of the teacher at the same temperature, [N, classes], rows that sum to 1.
        temperature: τ.
        reduction: "batchmean": sum over N and classes, divided by N; "mean": divided by N·classes.
    """
    predicted = (logits / temperature).log_softmax(dim=-1)
    # xlogy: a share of 0 adds 0, where 0·log 0 would be NaN
    total = (shares.xlogy(shares) - shares * predicted).sum()
    return total / (shares.numel() if reduction == "mean" else len(shares))


def hinton(
    label_loss: Tensor, logits: Tensor, shares: Tensor, weight: float, temperature: float, reduction: Reduction
) -> Tensor:
    """(1 − λ)·label_loss + λ·τ²·KL, scalar; τ² keeps the gradient's size as τ grows (section 2 of the paper)."""
    return (1.0 - weight) * label_loss + weight * temperature**2 * divergence(logits, shares, temperature, reduction)
