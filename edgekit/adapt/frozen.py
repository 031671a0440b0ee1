"""What all adapted models share: a source that stays as it is, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from torch import Tensor, nn

from edgekit.adapt.source import build_source
from edgekit.core.errors import BadConfigError

_SOURCE = "source."


class Adapted(nn.Module):
    """A frozen source and what is trained around it.

    Args:
        source: :meth:`edgekit.adapt.source.Source.mark`.
    """

    def __init__(self, source: Mapping[str, Any]) -> None:
        super().__init__()
        self.source = build_source(source)

    def train(self, mode: bool = True) -> Self:
        """Training mode for everything but the source, whose batch statistics and dropout rest.

        A batch norm that is itself trained keeps the statistics it has.
        """
        super().train(mode)
        self.source.eval()
        return self

    def frozen_names(self) -> frozenset[str]:
        """Tensors of the state dict that are the source's and never change."""
        learning = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        return frozenset(name for name in self.state_dict() if name.startswith(_SOURCE) and name not in learning)

    def trained_parameters(self, *, head: bool = True) -> int:
        """Numbers that are trained; without those of the source's new head, if ``head`` is False."""
        return sum(parameter.numel() for _, parameter in self.learning(head=head))

    def learning(self, *, head: bool = True) -> Iterator[tuple[str, nn.Parameter]]:
        """The trained parameters by name."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad and (head or not name.startswith(f"{_SOURCE}head")):
                yield name, parameter

    def load_source(self, weights: Mapping[str, Tensor]) -> None:
        """Put the source's weights in; tensors that begin anew (a head of other classes) keep their own.

        Raises:
            BadConfigError: a tensor is missing, or a frozen one has another shape.
        """
        own = self.source.state_dict()
        frozen = self.frozen_names()
        taken = {}
        for name, tensor in own.items():
            given, rests = weights.get(name), _SOURCE + name in frozen
            if given is not None and given.shape == tensor.shape and (rests or not name.startswith("head")):
                taken[name] = given
            elif rests:
                raise BadConfigError(f"the source's {name} does not fit", where="--source", mend="name the right run")
        self.source.load_state_dict(taken, strict=False)


def new_head(head: nn.Module, classes: int) -> nn.Module:
    """A head of the same form with ``classes`` outputs and fresh weights: a linear layer, or a norm before one."""
    if isinstance(head, nn.Linear):
        fresh = nn.Linear(head.in_features, classes)
        nn.init.trunc_normal_(fresh.weight, std=0.02)
        nn.init.zeros_(fresh.bias)
        return fresh
    if isinstance(head, nn.Sequential) and isinstance(head[-1], nn.Linear):
        norm = head[0]
        if isinstance(norm, nn.LayerNorm):
            return nn.Sequential(nn.LayerNorm(norm.normalized_shape), new_head(head[-1], classes))
    raise BadConfigError(f"no way to make a head like {type(head).__name__}", where="--source", mend="reprogram it")
