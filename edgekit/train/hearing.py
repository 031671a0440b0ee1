"""What a model hears of a clip: features, or the samples themselves where it has a program of its own on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.augment.spec import Augment
from edgekit.core.errors import BadConfigError, DataError
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_frontend import TorchFrontend

_OF_FEATURES = (
    "trim_probability",
    "stretch",
    "formant_warp",
    "equaliser_db",
    "mixstyle_probability",
    "time_masks",
    "frequency_masks",
)


class Waveforms(nn.Module):
    """The front-end of a model that takes samples: [N, samples], int16 or floating → float32 [N, 1, 1, samples].

    Args:
        spec: whose rate and clip length count; the model computes its features itself.
    """

    def __init__(self, spec: FrontendSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, pcm: Tensor) -> Tensor:
        """Samples in [-1, 1), cut or zero-padded to the spec's clip.

        Raises:
            DataError: not [clips, samples].
        """
        if pcm.dim() != 2:
            raise DataError(f"PCM has {pcm.dim()} dimensions", mend="give [clips, samples]")
        values = pcm.to(torch.float32) * 2.0**-15 if pcm.dtype == torch.int16 else pcm.to(torch.float32)
        values = values[:, : self.spec.clip_samples]
        short = self.spec.clip_samples - values.shape[1]
        values = nn.functional.pad(values, (0, short)) if short else values
        return values[:, None, None, :]


FrontEnd = TorchFrontend | Waveforms


def hears_waveforms(model: nn.Module) -> bool:
    """Whether the model takes samples instead of features."""
    return bool(getattr(model, "hears_waveforms", False))


def front_end(model: nn.Module, spec: FrontendSpec, dtype: torch.dtype = torch.float64) -> FrontEnd:
    """What stands between PCM and ``model``."""
    return Waveforms(spec) if hears_waveforms(model) else TorchFrontend(spec, dtype)


def input_shape(model: nn.Module, spec: FrontendSpec) -> tuple[int, int]:
    """(H, W) of what ``model`` is given."""
    return (1, spec.clip_samples) if hears_waveforms(model) else (spec.input_shape[1], spec.input_shape[2])


def check_augment_waveforms(augment: Augment, where: str) -> None:
    """Refuse augmentation of features where there are none.

    Raises:
        BadConfigError: the recipe has such.
    """
    for name in _OF_FEATURES:
        if getattr(augment, name):
            text = f"augment.{name} changes features, and the model takes samples"
            raise BadConfigError(text, where=where, mend=f"set augment.{name}=0")
