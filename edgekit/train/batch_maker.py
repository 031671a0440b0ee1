"""From the waveforms of a step to what the model sees: noise, features, their augmentation, targets, mixup."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.augment.features import FeatureAugment, Pairing, draw_pairing
from edgekit.augment.impulse import ImpulseBank, eligible_clips
from edgekit.augment.transfer import on_device
from edgekit.augment.waveform import Draw, NoiseBank, roll_clips
from edgekit.data.responses import load_responses, responses_folder
from edgekit.train.dataset import ClipBatches
from edgekit.train.hearing import FrontEnd, Waveforms, check_augment_waveforms
from edgekit.train.recipe import Recipe


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """One step's clips as the student sees them.

    Attributes:
        indices: int64 [N], clips of the training cache.
        waveforms: float32 [N, samples] in [-1, 1), augmented, before mixup.
        features: float32 [N, 1, H, W], augmented, mixed; [N, 1, 1, samples] for a model that takes samples.
        targets: float32 [N, classes], shares of the labels, mixed.
        pairing: how the batch was mixed; None where it was not.
        views: int64 [N], stored views of the clips that the waveforms are; None where they were drawn freely.
    """

    indices: np.ndarray
    waveforms: Tensor
    features: Tensor
    targets: Tensor
    pairing: Pairing | None = None
    views: np.ndarray | None = None


class BatchMaker(nn.Module):
    """Makes :class:`TrainingBatch` es, a whole batch at a time on the training device.

    Args:
        clips: whose targets, devices and background noise are used.
        frontend: PCM → what the model takes.
        recipe: its ``[augment]`` and seed.
        classes: number of outputs.

    Raises:
        DataError: no impulse responses where the recipe wants some.
        BadConfigError: no clip of the device that they are for, or an augmentation that cepstra or samples cannot have.
    """

    def __init__(self, clips: ClipBatches, frontend: FrontEnd, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.clips, self.augment, self.classes = clips, recipe.augment, classes
        self.frontend, spec = frontend, frontend.spec
        if isinstance(frontend, Waveforms):
            check_augment_waveforms(self.augment, f"recipe {recipe.name}")
        self.augment_features = FeatureAugment(self.augment, spec)
        self.noise: NoiseBank | None = None
        if self.augment.noise_probability:
            self.noise = NoiseBank(spec.sample_rate, spec.clip_samples, clips.background(), recipe.seed)
        self.impulses: ImpulseBank | None = None
        if self.augment.impulse_probability:
            responses = load_responses(responses_folder(self.augment.impulse_responses), spec.sample_rate)
            self.impulses = ImpulseBank(responses.taps, spec.clip_samples)
            devices = [clip.device for clip in clips.cache.manifest.clips]
            self.eligible = eligible_clips(devices, self.augment.impulse_device)

    def place(self, device: torch.device) -> None:
        """Take what augmentation looks up to the training device, once instead of in every step."""
        self.to(device)
        if self.noise is not None:
            self.noise.rows = self.noise.rows.to(device)
        if self.impulses is not None:
            self.impulses.spectra = self.impulses.spectra.to(device)

    @torch.no_grad()
    def forward(self, indices: np.ndarray, pcm: Tensor, views: np.ndarray | None, draw: Draw) -> TrainingBatch:
        """The batch of clips ``indices`` [N], whose waveforms [N, samples] are shifted, sped up and scaled already."""
        augment = self.augment
        if augment.roll_ms:
            pcm = roll_clips(pcm, draw, round(augment.roll_ms * self.frontend.spec.sample_rate / 1000.0))
        if self.impulses is not None:
            pcm = self.impulses.mix(pcm, draw, augment.impulse_probability, self.eligible[indices])
        if self.noise is not None:
            pcm = self.noise.mix(pcm, draw, augment.noise_probability, augment.noise_snr_db)
        features = self.augment_features(self.frontend(pcm), draw)
        targets = on_device(self.clips.targets[indices], pcm.device)
        shares = functional.one_hot(targets, self.classes).to(torch.float32)
        pairing = draw_pairing(len(pcm), draw, augment, pcm.device) if augment.mixup_probability else None
        if pairing is not None:
            features, shares = pairing.blend(features), pairing.blend(shares)
        features = features.contiguous(memory_format=torch.channels_last)
        return TrainingBatch(indices, pcm, features, shares, pairing, views)
