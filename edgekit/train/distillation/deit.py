"""Distillation through a token of its own (Touvron et al. 2021, DeiT, eq. 2 and 3).

The class token's head learns the labels, the distillation token's head the teacher; both are averaged in use.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edgekit.train.distillation.choice import Reduction
from edgekit.train.distillation.hinton import hinton


def deit_soft(
    label_loss: Tensor, token_logits: Tensor, shares: Tensor, weight: float, temperature: float, reduction: Reduction
) -> Tensor:
    """(1 − λ)·CE(class head, labels) + λ·τ²·KL(teacher ‖ distillation head), scalar.

    Args:
        label_loss: of the class token's head.
        token_logits: of the distillation token's head, [N, classes].
        shares: of the teacher at τ, [N, classes].
        weight: λ.
        temperature: τ.
        reduction: of KL.
    """
    return hinton(label_loss, token_logits, shares, weight, temperature, reduction)


def hard_shares(logits: Tensor) -> Tensor:
    """The teacher's decisions as shares: 1 for its largest logit; [..., classes]."""
    classes = logits.shape[-1]
    return functional.one_hot(logits.argmax(dim=-1), classes).to(torch.float32)


def deit_hard(label_loss: Tensor, token_logits: Tensor, decisions: Tensor, weight: float) -> Tensor:
    """(1 − λ)·CE(class head, labels) + λ·CE(distillation head, the teacher's decision), scalar; λ = ½ in the paper.

    ``decisions`` are shares [N, classes], so that a mixed clip may have two.
    """
    return (1.0 - weight) * label_loss + weight * functional.cross_entropy(token_logits, decisions)
