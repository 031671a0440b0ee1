"""The partition plug-in: its counts, what it shares, and where it fits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.models.partition import PartitionFusion, SubsetCorrelation, partition_convolutions
from edgekit.models.registry import build_model


def _square(width: int) -> nn.Module:
    return nn.Conv2d(width, width, 1, bias=False)


@pytest.mark.parametrize(("channels", "subsets"), [(16, 2), (24, 4), (32, 8)])
def test_the_shared_block_has_the_square_of_a_subset(channels: int, subsets: int) -> None:
    module = PartitionFusion(channels, subsets, _square, nn.BatchNorm2d)
    width = channels // subsets
    counted = sum(p.numel() for p in module.parameters())
    assert counted == width**2 + width**2 + 1 + 2 * width  # block, description, sharpness, norm
    assert module(torch.randn(3, channels, 5, 7)).shape == (3, channels, 5, 7)


def test_rows_of_the_correlation_sum_to_one_and_equal_subsets_take_alike() -> None:
    correlation = SubsetCorrelation(4)
    parts = torch.randn(2, 1, 4, 6).expand(2, 3, 4, 6)
    rows = correlation(parts)
    torch.testing.assert_close(rows.sum(dim=2), torch.ones(2, 3))
    torch.testing.assert_close(rows, torch.full((2, 3, 3), 1 / 3))


def test_the_block_runs_on_the_subsets_in_turn() -> None:
    seen: list[torch.Tensor] = []

    class Note(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return torch.ones_like(x)

    module = PartitionFusion(6, 3, lambda width: Note(), lambda width: nn.Identity())
    x = torch.randn(1, 6, 4)
    parts = x.reshape(1, 3, 2, 4)
    fused = parts + (module.correlation(parts) @ parts.flatten(2)).reshape(1, 3, 2, 4)
    module(x)
    torch.testing.assert_close(seen[0], fused[:, 0])
    torch.testing.assert_close(seen[1], fused[:, 1] + 1)
    torch.testing.assert_close(seen[2], fused[:, 2] + 1)


def test_subsets_must_divide_the_channels() -> None:
    with pytest.raises(BadConfigError, match="10 channels do not divide into 4 subsets"):
        PartitionFusion(10, 4, _square, nn.BatchNorm2d)


@pytest.mark.parametrize(
    ("base", "share"),
    [
        ("ds-cnn", 0.5),
        ("cp-mobile", 0.6),
        ("cp-resnet", 0.35),
        ("tf-sepnet", 0.6),
        ("bc-resnet", 0.9),
        ("vggish", 0.9),
        ("mobile-vit", 0.4),
    ],
)
def test_any_cnn_takes_the_plug_in_by_name(base: str, share: float) -> None:
    """How much smaller depends on the share of weights that lie in full convolutions."""
    plain = build_model(base, classes=8).eval()
    thin = build_model("partitioned", classes=8, base=base, subsets=4).eval()
    x = torch.randn(2, 1, 40, 61)
    assert thin(x).shape == plain(x).shape == (2, 8)
    assert sum(p.numel() for p in thin.parameters()) < share * sum(p.numel() for p in plain.parameters())


def test_a_layer_is_thinned_by_the_formula_with_its_stride_and_bias() -> None:
    model = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1, dilation=1), nn.Conv2d(16, 6, 1))
    assert partition_convolutions(model, 2, spare=6) == 1
    assert model(torch.randn(1, 8, 10, 12)).shape == (1, 6, 5, 6)
    counted = sum(p.numel() for p in model[0].parameters())
    assert counted == 4 * 8 * 9 + 8 + 4**2 + 1 + 2 * 4  # block and its bias, description, sharpness, norm


def test_a_model_without_such_layers_is_refused() -> None:
    for layer in (nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(32, 2, 1)):
        with pytest.raises(BadConfigError, match="no convolution that the subsets divide and make smaller"):
            partition_convolutions(nn.Sequential(layer), 2)


@pytest.mark.parametrize("name", ["ecapa-tdnn", "speaker-resnet34", "amcrn"])
def test_speaker_models_get_thinner_and_embed_on_the_sphere(name: str) -> None:
    counts = []
    for partition in (1, 2, 4):
        model = build_model(name, classes=5, bins=32, partition=partition).eval()
        x = torch.randn(2, 1, 32, 61)
        assert model(x).shape == (2, 5)
        torch.testing.assert_close(model.embed(x).norm(dim=1), torch.ones(2))
        counts.append(sum(p.numel() for p in model.parameters()))
    assert counts[0] > counts[1] > counts[2]
