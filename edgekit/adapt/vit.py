"""A frozen spectrogram transformer with adapters: the source's own module, with hooks where adapters act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from edgekit.adapt.adapters.bottleneck import Bottleneck, ConvolutionBottleneck
from edgekit.adapt.adapters.choice import AdapterChoice
from edgekit.adapt.adapters.lora import LowRank
from edgekit.adapt.adapters.prompts import Prompts
from edgekit.adapt.frozen import Adapted, new_head
from edgekit.core.errors import BadConfigError
from edgekit.models.registry import register
from edgekit.models.students.small_vit import SmallVit
from edgekit.models.teachers.large_vit import LargeVit
from edgekit.models.transformer import TransformerBlock


@register("adapted-vit")
class AdaptedVit(Adapted):
    """The source transformer with a new head and, by ``method``, prompts, LoRA, or bottlenecks.

    Args:
        classes: number of outputs.
        source: :meth:`edgekit.adapt.source.Source.mark` of a "small-vit" or "large-vit".
        method, size, placement, residual, kernel, scale: see :class:`AdapterChoice`.

    Raises:
        BadConfigError: a source that is no spectrogram transformer, or a choice out of range.
    """

    def __init__(
        self,
        classes: int,
        source: Mapping[str, Any],
        method: str = "lora",
        size: int = 4,
        placement: str = "sequential",
        residual: bool = True,
        kernel: int = 7,
        scale: float = 1.0,
    ) -> None:
        super().__init__(source)
        if not isinstance(self.source, SmallVit | LargeVit):
            text = f"adapters are for small-vit and large-vit, the source is {source.get('model')!r}"
            raise BadConfigError(text, where="--source", mend="reprogram it instead")
        self.choice = AdapterChoice(
            method=method,  # type: ignore[arg-type]
            size=size,
            placement=placement,  # type: ignore[arg-type]
            residual=residual,
            kernel=kernel,
            scale=scale,
        )
        for name in ("head", "head_dist"):
            head = getattr(self.source, name, None)
            if isinstance(head, nn.Module):
                setattr(self.source, name, new_head(head, classes))
        self._thaw()
        blocks: list[TransformerBlock] = list(self.source.blocks)  # type: ignore[arg-type]
        width = int(self.source.cls_token.shape[2])
        self.adapters = nn.ModuleList()
        if method.startswith("prompt"):
            self._add_prompts(blocks, width)
        elif method == "lora":
            for block in blocks:
                self._add_low_rank(block, width)
        elif self.choice.is_bottleneck:
            for block in blocks:
                self._add_bottlenecks(block, width)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]; ``keep`` as the source takes it."""
        out: Tensor = self.source(x, keep)
        return out

    def _thaw(self) -> None:
        """What is trained of the source itself: the head, with "bitfit" all biases, with "full" everything."""
        for name, parameter in self.source.named_parameters():
            of_head = name.startswith("head")
            of_biases = self.choice.method == "bitfit" and name.endswith("bias")
            parameter.requires_grad_(of_head or of_biases or self.choice.method == "full")

    def _add_prompts(self, blocks: list[TransformerBlock], width: int) -> None:
        deep = self.choice.method == "prompt-deep"
        prompts = Prompts(width, self.choice.size, len(blocks) if deep else 1)
        self.adapters.append(prompts)
        for number, block in enumerate(blocks):
            block.register_forward_pre_hook(_PutPrompts(prompts, number))
        blocks[-1].register_forward_hook(_TakePrompts(prompts))

    def _add_low_rank(self, block: TransformerBlock, width: int) -> None:
        adapter = LowRank(width, self.choice.size, self.choice.scale)
        self.adapters.append(adapter)
        block.attn.qkv.register_forward_hook(_AddOfInput(adapter, 1.0, residual=False))

    def _add_bottlenecks(self, block: TransformerBlock, width: int) -> None:
        choice = self.choice
        layers = [block.attn, block.mlp] if choice.method == "houlsby" else [block.mlp]
        for layer in layers:
            adapter: nn.Module = Bottleneck(width, choice.size)
            if choice.method == "convolution":
                adapter = ConvolutionBottleneck(width, choice.size, choice.kernel)
            self.adapters.append(adapter)
            if choice.placement == "parallel":
                layer.register_forward_hook(_AddOfInput(adapter, choice.scale, residual=choice.residual))
            else:
                layer.register_forward_hook(_OfOutput(adapter, residual=choice.residual))


class _Hook:
    """A hook that copies with its model: what it calls is an attribute, which deepcopy follows."""

    def __init__(self, adapter: nn.Module) -> None:
        self.adapter = adapter


class _OfOutput(_Hook):
    """y → adapter(y), plus y with the residual."""

    def __init__(self, adapter: nn.Module, *, residual: bool) -> None:
        super().__init__(adapter)
        self.residual = residual

    def __call__(self, layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        out: Tensor = self.adapter(made)
        return out + made if self.residual else out


class _AddOfInput(_Hook):
    """y → y + scale·adapter(x), plus x with the residual."""

    def __init__(self, adapter: nn.Module, scale: float, *, residual: bool) -> None:
        super().__init__(adapter)
        self.scale, self.residual = scale, residual

    def __call__(self, layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        added = made + self.scale * self.adapter(given[0])
        result: Tensor = added + given[0] if self.residual else added
        return result


class _PutPrompts:
    def __init__(self, prompts: Prompts, layer: int) -> None:
        self.prompts, self.layer = prompts, layer

    def __call__(self, block: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (self.prompts.put(given[0], self.layer), *given[1:])


class _TakePrompts:
    def __init__(self, prompts: Prompts) -> None:
        self.prompts = prompts

    def __call__(self, block: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        return self.prompts.take(made)
