"""The static map of a source's classes, from training clips alone."""

from __future__ import annotations

import numpy as np
import torch

from edgekit.adapt.latent import prototypes
from edgekit.adapt.reprogram.class_map import cluster_assignment
from edgekit.adapt.reprogram.model import standardised
from edgekit.adapt.reprogram.programs import FrameProgram
from edgekit.adapt.source import Source, build_source
from edgekit.data.cache import AudioCache
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.train.labels import label_indices

_BATCH = 64


@torch.no_grad()
def assign_classes(
    source: Source, spec: FrontendSpec, clips: AudioCache, inner: tuple[float, float], seed: int
) -> tuple[int, ...]:
    """For each source class the class of the task (:func:`cluster_assignment`).

    Args:
        source: untouched.
        spec: the task's front-end.
        clips: training clips.
        inner: shares of the picture that the spectrogram takes.
        seed: of the clustering.
    """
    model = build_source(source.mark())
    model.load_state_dict(source.weights())
    channels, height, width = source.shape
    within = (max(1, round(height * inner[0])), max(1, round(width * inner[1])))
    frame = FrameProgram((channels, height, width), within, trained=False)
    frontend = TorchFrontend(spec, torch.float32)
    labels = clips.manifest.labels
    targets = label_indices(clips, labels)
    votes = np.zeros((len(source.labels), len(labels)))
    for first in range(0, len(clips), _BATCH):
        rows = np.arange(first, min(first + _BATCH, len(clips)))
        pcm = torch.from_numpy(clips.windows(rows, spec.clip_samples, np.zeros(len(rows), np.int64)))
        said = model(frame(standardised(frontend(pcm)))).softmax(dim=1).double().numpy()
        np.add.at(votes.T, targets[rows], said)
    votes /= np.maximum(1, np.bincount(targets, minlength=len(labels)))
    return cluster_assignment(prototypes(model, len(source.labels)).double().numpy(), votes, len(labels), seed)
