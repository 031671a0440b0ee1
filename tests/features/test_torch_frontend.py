"""The torch front-end equals the reference, is differentiable and independent of batching."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from frontend_variants import VARIANTS

from edgekit.core.errors import DataError
from edgekit.features.compare import natural_unit
from edgekit.features.presets import PRESETS
from edgekit.features.reference import features
from edgekit.features.signals import synthetic_clips
from edgekit.features.torch_frontend import TorchFrontend


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_option_equals_the_reference(name: str) -> None:
    spec = VARIANTS[name]
    clips = list(synthetic_clips(spec.sample_rate, spec.clip_samples).values())
    out = TorchFrontend(spec)(torch.from_numpy(np.stack(clips)))
    assert out.shape == (len(clips), 1, *spec.feature_shape)
    assert out.dtype == torch.float32
    for i, pcm in enumerate(clips):
        wanted = features(spec, pcm)
        assert np.abs(out[i, 0].numpy() - wanted).max() * natural_unit(spec) <= 1e-4


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_equal_the_reference_on_speech_like_clips(name: str) -> None:
    spec = PRESETS[name]
    clips = synthetic_clips(spec.sample_rate, spec.clip_samples)
    pcm = np.stack([clips["speech-like"], clips["quiet beside loud"]])
    out = TorchFrontend(spec)(torch.from_numpy(pcm))
    for i in range(2):
        assert np.abs(out[i, 0].numpy() - features(spec, pcm[i])).max() * natural_unit(spec) <= 1e-4


def test_float_and_int16_input_agree() -> None:
    spec = PRESETS["kws-logmel-40"]
    pcm = torch.from_numpy(synthetic_clips(16_000, 16_000)["white noise"])[None]
    front = TorchFrontend(spec)
    assert torch.equal(front(pcm), front(pcm.double() / 32768.0))


def test_batches_are_independent_of_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = PRESETS["kws-logmel-40"]
    pcm = torch.from_numpy(np.stack(list(synthetic_clips(16_000, 16_000).values())))
    whole = TorchFrontend(spec)(pcm)
    monkeypatch.setattr("edgekit.features.torch_frontend._CHUNK_BYTES", 1)
    assert torch.equal(TorchFrontend(spec)(pcm), whole)


@pytest.mark.parametrize("name", ["kws-logmel-40", "kws-mfcc-49x10"])
def test_gradients_reach_the_waveform_and_stay_finite_on_silence(name: str) -> None:
    front = TorchFrontend(PRESETS[name])
    random = torch.Generator().manual_seed(0)
    pcm = torch.cat([torch.zeros(1, 16_000), 0.1 * torch.randn(1, 16_000, generator=random)]).requires_grad_()
    front(pcm).sum().backward()
    assert torch.isfinite(pcm.grad).all()
    assert pcm.grad[1].abs().max() > 0


def test_gradient_equals_finite_differences() -> None:
    spec = PRESETS["kws-logmel-40"].replace(clip_samples=600, mel_bins=8, log_floor=1e-3)
    front = TorchFrontend(spec)
    random = torch.Generator().manual_seed(1)
    pcm = (0.1 * torch.randn(1, 600, generator=random, dtype=torch.float64)).requires_grad_()
    front(pcm).double().sum().backward()
    step = torch.zeros_like(pcm)
    step[0, 300] = 1e-3
    with torch.no_grad():
        slope = (front(pcm + step).double().sum() - front(pcm - step).double().sum()) / 2e-3
    assert float(pcm.grad[0, 300]) == pytest.approx(float(slope), rel=2e-2)


@pytest.mark.parametrize("pcm", [torch.zeros(16_000), torch.zeros(1, 16_000, dtype=torch.int32)])
def test_unusable_input_is_refused(pcm: torch.Tensor) -> None:
    with pytest.raises(DataError):
        TorchFrontend(PRESETS["kws-logmel-40"])(pcm)


def test_the_state_dict_is_empty() -> None:
    assert not TorchFrontend(PRESETS["kws-logmel-40"]).state_dict()
