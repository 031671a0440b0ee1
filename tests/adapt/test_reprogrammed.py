"""Reprogramming: the frame stands around the spectrogram, the programs are all that is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgekit.adapt.latent import last_layer, latent_and_logits, prototypes
from edgekit.adapt.reprogram.class_map import StaticMap, cluster_assignment, many_to_one
from edgekit.adapt.reprogram.model import Reprogrammed, levelled, standardised
from edgekit.adapt.reprogram.programs import FrameProgram, WaveformProgram
from edgekit.adapt.source import read_source, without_none
from edgekit.core.errors import BadConfigError
from edgekit.features.presets import PRESETS
from edgekit.models.registry import build_model

SPEC = PRESETS["kws-logmel-40"].replace(
    sample_rate=8000, clip_samples=4000, window_length=256, n_fft=256, hop_length=128, padding="none",
    mel_bins=32, f_min=100, f_max=4000, layout="freq_time",
)  # fmt: skip


def _reprogrammed_of(source: Path, **more: object) -> Reprogrammed:
    frontend = without_none(SPEC.to_json())
    built = build_model("reprogrammed", classes=3, source=read_source(source).mark(), frontend=frontend, **more)
    assert isinstance(built, Reprogrammed)
    return built


def _reprogrammed(source: Path, **more: object) -> Reprogrammed:
    built = _reprogrammed_of(source, **more)
    built.load_source(read_source(source).weights())
    return built


def test_trained_parameters_equal_the_formula(picture_source: Path) -> None:
    p1d, p2d, mapping = SPEC.clip_samples, 64 * 64 - 48 * 48, 12 * 3
    assert _reprogrammed(picture_source).trained_parameters() == p1d + p2d + mapping
    assert _reprogrammed(picture_source, frame=False).trained_parameters() == p1d + mapping
    assert _reprogrammed(picture_source, waveform=False).trained_parameters() == p2d + mapping
    static = _reprogrammed(picture_source, mapping="static", assignment=[0, 1, 2] * 4)
    assert static.trained_parameters() == p1d + p2d
    probe = _reprogrammed(picture_source, waveform=False, frame=False, mapping="probe")
    latents = read_source(picture_source).weights()["classifier.5.weight"].shape[1]
    assert probe.trained_parameters() == latents * 3 + 3


def test_the_spectrogram_stays_as_it_is_inside_the_frame() -> None:
    frame = FrameProgram((3, 32, 40), (16, 20), trained=True)
    spectrogram = torch.randn(2, 1, 16, 20)
    with torch.no_grad():
        frame.frame.fill_(7.0)  # type: ignore[union-attr]
    picture = frame(spectrogram)
    assert picture.shape == (2, 3, 32, 40)
    torch.testing.assert_close(picture[:, :, 8:24, 10:30], spectrogram.expand(-1, 3, -1, -1))
    picture[:, :, 8:24, 10:30] = 7.0
    assert bool((picture == 7.0).all())


_VARIANTS: dict[str, dict[str, object]] = {
    "dual": {},
    "waveform": {"frame": False},
    "frame": {"waveform": False},
    "static": {"mapping": "static", "assignment": [0, 1, 2] * 4},
    "probe": {"waveform": False, "frame": False, "mapping": "probe"},
}


@pytest.mark.parametrize("variant", _VARIANTS)
def test_all_but_the_programs_and_the_map_is_bit_equal_after_steps(picture_source: Path, variant: str) -> None:
    model = _reprogrammed(picture_source, **_VARIANTS[variant]).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learning = {name for name, _ in model.learning()}
    assert learning and not any(name.startswith("source.") for name in learning)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 0.01)
    for _ in range(3):
        samples = 0.1 * torch.randn(4, 1, 1, SPEC.clip_samples)
        torch.nn.functional.cross_entropy(model(samples), torch.tensor([0, 1, 2, 0])).backward()
        optimiser.step()
        optimiser.zero_grad()
    after = model.state_dict()
    assert {name for name in before if not torch.equal(before[name], after[name])} == learning


@pytest.mark.parametrize("variant", _VARIANTS)
def test_a_variant_is_built_without_weights_as_checkpoints_are(picture_source: Path, variant: str) -> None:
    with torch.device("meta"):
        built = _reprogrammed_of(picture_source, **_VARIANTS[variant])
    own = _reprogrammed(picture_source, **_VARIANTS[variant]).state_dict()
    assert {name: value.shape for name, value in built.state_dict().items()} == {n: v.shape for n, v in own.items()}
    assert all(value.is_meta for value in built.state_dict().values())


def test_a_static_class_is_the_mean_of_its_source_classes() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5, -1.0]])
    shares = logits.softmax(dim=1)[0]
    told = StaticMap([0, 1, 0, -1], 2)(logits).exp()[0]
    torch.testing.assert_close(told, torch.stack([(shares[0] + shares[2]) / 2, shares[1]]))
    with pytest.raises(BadConfigError, match="1 classes have no source class"):
        StaticMap([0, 0, -1], 2)
    with pytest.raises(BadConfigError, match="beyond the 2"):
        StaticMap([0, 1, 2], 2)


def test_clusters_of_the_latent_space_go_where_the_votes_are() -> None:
    prototypes = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0]])
    votes = np.array([[0.1, 0.6], [0.1, 0.2], [0.7, 0.1], [0.1, 0.1]])
    assert cluster_assignment(prototypes, votes, 2) == (1, 1, 0, 0)


def test_too_few_source_classes_are_refused() -> None:
    with pytest.raises(BadConfigError, match="a source of 2 classes for a task of 3"):
        cluster_assignment(np.eye(2), np.ones((2, 3)), 3)
    with pytest.raises(BadConfigError, match="the source has 5"):
        many_to_one(5, 3, 2)


def test_many_to_one_gives_every_class_the_same_number() -> None:
    counts = np.bincount(np.array(many_to_one(11, 3, 3, seed=4)) + 1, minlength=4)
    assert counts.tolist() == [2, 3, 3, 3]


def test_the_latent_vector_makes_the_logits(picture_source: Path) -> None:
    source = _reprogrammed(picture_source, mapping="probe").eval().source
    vectors, logits = latent_and_logits(source, 12, torch.randn(2, 1, 64, 64))
    last = last_layer(source, 12)
    assert isinstance(last, torch.nn.Linear)
    torch.testing.assert_close(vectors @ prototypes(source, 12).T + last.bias, logits)


class _Squeezed(torch.nn.Module):
    """The end of SqueezeNet: a 1×1 convolution gives the classes, then comes the mean; what follows runs first."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classifier = torch.nn.Conv2d(4, classes, 1)
        self.features = torch.nn.Conv2d(1, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.classifier(self.features(x).relu()).mean(dim=(2, 3))
        return out


def test_a_convolution_that_makes_the_logits_has_a_latent_vector_too() -> None:
    source = _Squeezed(5)
    vectors, logits = latent_and_logits(source, 5, torch.randn(3, 1, 6, 7))
    assert vectors.shape == (3, 4) and prototypes(source, 5).shape == (5, 4)
    torch.testing.assert_close(vectors @ prototypes(source, 5).T + source.classifier.bias, logits)
    with pytest.raises(BadConfigError, match="no linear layer or 1×1 convolution of 9 outputs"):
        last_layer(source, 9)


def test_silence_makes_no_infinite_picture() -> None:
    assert bool(torch.isfinite(standardised(torch.full((1, 1, 8, 8), -11.5))).all())


def test_the_waveform_program_is_added_to_clips_of_one_level() -> None:
    tone = 0.3 * torch.sin(torch.arange(800.0))[None]
    torch.testing.assert_close(levelled(tone), levelled(0.01 * tone), rtol=1e-3, atol=1e-5)
    assert float(levelled(tone).square().mean().sqrt()) == pytest.approx(0.1, rel=1e-4)
    assert not levelled(torch.zeros(1, 800)).any()
    program = WaveformProgram(800)
    torch.testing.assert_close(program(tone) - tone, program.waveform(), atol=1e-6, rtol=0.0)


def test_silence_moves_the_waveform_program(picture_source: Path) -> None:
    model = _reprogrammed(picture_source).train()
    torch.nn.functional.cross_entropy(model(torch.zeros(2, 1, 1, SPEC.clip_samples)), torch.tensor([0, 1])).backward()
    assert model.waveform is not None and model.waveform.delta.grad is not None
    assert bool((model.waveform.delta.grad != 0).any())
