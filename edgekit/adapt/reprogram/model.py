"""Dual-domain reprogramming: a frozen classifier of pictures hears words.

Aironi et al., dual-domain adversarial reprogramming: the waveform program P1D is added to the clip, its log-mel
spectrogram stands in a trained frame P2D, the frozen source classifies the picture, and a map turns its classes into
the task's. Only P1D, P2D and the map are trained; weight decay is the regularisation of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from edgekit.adapt.frozen import Adapted
from edgekit.adapt.latent import latent_and_logits, prototypes
from edgekit.adapt.reprogram.class_map import StaticMap, TrainableMap
from edgekit.adapt.reprogram.programs import FrameProgram, WaveformProgram
from edgekit.core.errors import BadConfigError
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import register

MAPPINGS = ("static", "trainable", "probe")
_LEVEL = 0.1  # RMS of a clip beside the waveform program, out of 1


@register("reprogrammed")
class Reprogrammed(Adapted):
    """Samples → P1D → log-mel → P2D → frozen source → map.

    Args:
        classes: of the task.
        source: :meth:`edgekit.adapt.source.Source.mark`.
        frontend: fields of the task's FrontendSpec; its mean and deviation do not matter, each clip's spectrogram has
            mean 0 and deviation 1.
        waveform: whether P1D is trained (else there is none).
        frame: whether P2D is trained (else it is zero).
        mapping: "static" (``assignment``), "trainable", or "probe": a linear layer on the source's latent vector.
        assignment: for "static", the class of the task for each source class (class_map.py).
        inner: height and width of the spectrogram as shares of the picture's.

    Raises:
        BadConfigError: an unknown mapping, a share out of range, or for "probe" a source without a last layer.
    """

    hears_waveforms = True

    def __init__(
        self,
        classes: int,
        source: Mapping[str, Any],
        frontend: Mapping[str, Any],
        waveform: bool = True,
        frame: bool = True,
        mapping: str = "trainable",
        assignment: Sequence[int] = (),
        inner: Sequence[float] = (0.75, 0.75),
    ) -> None:
        super().__init__(source)
        if mapping not in MAPPINGS or len(inner) != 2 or not all(0.0 < share <= 1.0 for share in inner):
            text = f"mapping {mapping!r} or inner {list(inner)}"
            raise BadConfigError(text, where="reprogrammed", mend=f"use {', '.join(MAPPINGS)} and two shares up to 1")
        self.spec = from_json(dict(frontend), where="model.arguments.frontend")
        channels, height, width = (int(size) for size in source["shape"])
        within = (max(1, round(height * inner[0])), max(1, round(width * inner[1])))
        self.waveform = WaveformProgram(self.spec.clip_samples) if waveform else None
        self.frame = FrameProgram((channels, height, width), within, trained=frame)
        self.sources = int(source["arguments"]["classes"])
        self.mapping: nn.Module
        if mapping == "static":
            self.mapping = StaticMap(assignment, classes)
        elif mapping == "trainable":
            self.mapping = TrainableMap(self.sources, classes)
        else:
            self.mapping = nn.Linear(prototypes(self.source, self.sources).shape[1], classes)
        self.probes = mapping == "probe"

    def forward(self, samples: Tensor) -> Tensor:
        """[N, 1, 1, samples] in [-1, 1) → logits [N, classes]."""
        return self.mapped(self.picture(samples))

    def picture(self, samples: Tensor) -> Tensor:
        """What the source sees: [N, 1, 1, samples] → [N, C, H, W]."""
        pcm = samples.flatten(1)
        if self.waveform is not None:
            pcm = self.waveform(levelled(pcm))
        out: Tensor = self.frame(standardised(self._features(pcm)))
        return out

    def mapped(self, picture: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, classes]."""
        told = latent_and_logits(self.source, self.sources, picture)[0] if self.probes else self.source(picture)
        logits: Tensor = self.mapping(told)
        return logits

    def _features(self, pcm: Tensor) -> Tensor:
        out: Tensor = _front_end(self.spec, pcm.device)(pcm)
        return out


@lru_cache(maxsize=8)
def _front_end(spec: FrontendSpec, device: torch.device) -> TorchFrontend:
    """Its tables follow from the spec: they are no part of a model, its copies or its checkpoint."""
    return TorchFrontend(spec, torch.float32).to(device)


def levelled(pcm: Tensor) -> Tensor:
    """[N, samples] at an RMS of 0.1: one program weighs the same beside loud and quiet voices; silence stays silent."""
    return _LEVEL * pcm / pcm.square().mean(dim=1, keepdim=True).add(1e-10).sqrt()


def standardised(features: Tensor) -> Tensor:
    """[N, 1, H, W] with mean 0 and deviation 1 of each clip; silence stays 0."""
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return centred / centred.square().mean(dim=(2, 3), keepdim=True).add(1e-6).sqrt()
