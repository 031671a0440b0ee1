"""Layers of the students and teachers against a plain re-computation or torch's own implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.models.patches import patch_grid, resize_codes, sine_codes
from edgekit.models.registry import build_model
from edgekit.models.students.bc_resnet import BroadcastBlock, SubSpectralNorm
from edgekit.models.students.cp_resnet import CpResNet
from edgekit.models.students.mobile_vit import fold, unfold
from edgekit.models.students.tf_sepnet import AdaptiveResidualNorm, ResidualNorm, SeparateBlock, channel_shuffle
from edgekit.models.transformer import QuickGelu, SelfAttention, TokenBatchNorm, TransformerBlock


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).normal(1.0, 2.0, shape))


def test_sub_spectral_norm_is_batch_norm_in_each_band() -> None:
    x = normal(3, 4, 20, 7)
    layer = SubSpectralNorm(4, 5).double().train()
    nn.init.uniform_(layer.norm.weight, 0.5, 2.0)
    expected = torch.empty_like(x)
    for band in range(5):
        part = x[:, :, 4 * band : 4 * band + 4]
        mean, variance = part.mean(dim=(0, 2, 3)), part.var(dim=(0, 2, 3), correction=0)
        scale = layer.norm.weight.reshape(4, 5)[:, band] / torch.sqrt(variance + layer.norm.eps)
        expected[:, :, 4 * band : 4 * band + 4] = (part - mean[:, None, None]) * scale[:, None, None]
    torch.testing.assert_close(layer(x), expected)


def test_sub_spectral_norm_refuses_other_heights() -> None:
    with pytest.raises(BadConfigError, match="not a multiple of 5"):
        build_model("bc-resnet").eval()(torch.zeros(1, 1, 64, 33))


def test_broadcast_block_adds_one_temporal_row_to_every_frequency() -> None:
    block = BroadcastBlock(4, 4, 1, 2, 0.1).double().eval()
    x = normal(2, 4, 10, 9)
    bands = block.frequency(x)
    row = block.time(bands.mean(dim=2, keepdim=True))
    expected = torch.stack([torch.relu(x[:, :, f] + bands[:, :, f] + row[:, :, 0]) for f in range(10)], dim=2)
    assert row.shape == (2, 4, 1, 9)
    torch.testing.assert_close(block(x), expected)


def test_adaptive_residual_norm_follows_its_equation() -> None:
    x = normal(2, 3, 4, 5)
    layer = AdaptiveResidualNorm(3).double()
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, 0.1, 0.9)
    expected = np.empty(x.shape)
    for clip, frequency in np.ndindex(2, 4):
        row = x[clip, :, frequency].numpy()
        instance = (row - row.mean()) / math.sqrt(row.var() + 1e-5)
        rho, gamma, beta = (p.detach().numpy().reshape(3, 1) for p in (layer.rho, layer.gamma, layer.beta))
        expected[clip, :, frequency] = gamma * (rho * row + (1 - rho) * instance) + beta
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-10)
    fixed = ResidualNorm(3).double()(x) - 0.1 * x
    torch.testing.assert_close(fixed.mean(dim=(1, 3)), torch.zeros(2, 4).double(), atol=1e-12, rtol=0)


def test_channel_shuffle_deals_channels_like_cards() -> None:
    x = torch.arange(12.0).reshape(1, 12, 1, 1)
    assert channel_shuffle(x, 3).flatten().tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]


def test_separate_block_sees_one_axis_in_each_half() -> None:
    block = SeparateBlock(8, 8, 2, 0.0).double().eval()
    x = normal(1, 8, 6, 5)
    shuffled = channel_shuffle(x, 2)
    change = block(x) - shuffled
    assert change.shape == x.shape
    # what a half adds to its input does not depend on the axis over which it was averaged
    torch.testing.assert_close(change[:, :4], change[:, :4, :1].expand(-1, -1, 6, -1), atol=1e-12, rtol=0)
    torch.testing.assert_close(change[:, 4:], change[:, 4:, :, :1].expand(-1, -1, -1, 5), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("rho", "wide"), [(4, 5), (8, 7), (11, 8)])
def test_rho_counts_the_wide_kernels(rho: int, wide: int) -> None:
    # 2022, blocks (2, 1, 1): 3×3 are the first, then of the places 2, 3 | 4, 5 | 8, 9 those that ρ reaches, and the
    # stem's 5×5 counts as one here.
    model = CpResNet(rho=rho)
    kernels = [m.kernel_size[0] for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert sum(k > 1 for k in kernels) == wide


def test_attention_is_torchs_multihead_attention() -> None:
    ours = SelfAttention(24, 4).double()
    theirs = nn.MultiheadAttention(24, 4, batch_first=True).double()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.proj.weight.data, ours.proj.bias.data
    x = normal(2, 7, 24)
    expected, weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(ours(x), expected)
    torch.testing.assert_close(ours.weights(x), weights)


def test_block_is_torchs_pre_norm_encoder_layer() -> None:
    ours = TransformerBlock(24, 4, 2.0).double().eval()
    theirs = nn.TransformerEncoderLayer(24, 4, 48, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True).double().eval()
    names = {"in_proj_": "qkv.", "out_proj": "proj"}
    state = {}
    for key in theirs.state_dict():
        mine = key.replace("self_attn.", "attn.").replace("linear1", "mlp.fc1").replace("linear2", "mlp.fc2")
        for theirs_name, our_name in names.items():
            mine = mine.replace(theirs_name, our_name)
        state[key] = ours.state_dict()[mine]
    theirs.load_state_dict(state)
    x = normal(2, 7, 24)
    torch.testing.assert_close(ours(x), theirs(x))


def test_token_batch_norm_folds_into_the_next_linear() -> None:
    norm, linear = TokenBatchNorm(6).double(), nn.Linear(6, 3).double()
    norm.train()(normal(8, 5, 6))
    norm.eval()
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    offset = norm.bias - norm.running_mean * scale
    x = normal(2, 4, 6)
    folded = x @ (linear.weight * scale).T + linear.weight @ offset + linear.bias
    torch.testing.assert_close(linear(norm(x)), folded)


def test_quick_gelu_is_near_gelu() -> None:
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    exact = x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    assert float((QuickGelu()(x) - exact).abs().max()) < 0.021


def test_fold_reverses_unfold_and_tokens_share_a_place_in_their_patch() -> None:
    x = torch.arange(2.0 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    tokens = unfold(x)
    assert tokens.shape == (8, 6, 3)
    assert torch.equal(fold(tokens, (2, 3)), x)
    assert torch.equal(tokens[1], x[0, :, 0::2, 1::2].flatten(1).T)


def test_sine_codes_tell_every_patch_apart_and_each_axis_by_its_half() -> None:
    codes = sine_codes((12, 9), 60)[0].reshape(12, 9, 60)
    assert len(torch.unique(codes.reshape(108, 60), dim=0)) == 108
    assert torch.equal(codes[:, 0, :30], codes[:, 5, :30])
    assert torch.equal(codes[0, :, 30:], codes[7, :, 30:])
    assert codes[3, 0, 0].item() == pytest.approx(math.sin(3.0))
    assert codes[3, 0, 16].item() == pytest.approx(math.cos(3.0 / 10_000 ** (1 / 15)))


def test_codes_keep_a_linear_slope_when_interpolated_and_the_middle_when_cropped() -> None:
    codes = torch.arange(20.0).reshape(1, 1, 1, 20).expand(1, 2, 4, 20)
    assert torch.equal(resize_codes(codes, (4, 6))[0, 0, 0], torch.arange(7.0, 13.0))
    wide = resize_codes(codes, (4, 40))[0, 0, 0]
    torch.testing.assert_close(wide, torch.arange(40.0) / 2 - 0.25, atol=0.15, rtol=0)  # half as steep, ends clamped
    assert torch.equal(resize_codes(codes, (4, 20)), codes)
    with pytest.raises(BadConfigError, match="unknown way"):
        resize_codes(codes, (4, 6), "stretch")


def test_grid_counts_whole_patches() -> None:
    assert patch_grid((128, 100), (15, 15), (10, 10)) == patch_grid((128, 100), (16, 16), (10, 10)) == (12, 9)
    assert patch_grid((128, 100), (16, 16), (16, 16)) == (8, 6)
    with pytest.raises(BadConfigError, match="no patch"):
        patch_grid((8, 100), (16, 16), (10, 10))


def test_second_head_learns_from_the_distillation_token() -> None:
    torch.manual_seed(0)
    model = build_model("small-vit", distillation=True).eval()
    x = torch.randn(2, 1, 128, 100)
    with torch.no_grad():
        class_logits, distillation_logits = model.token_logits(x)
        torch.testing.assert_close(model(x), (class_logits + distillation_logits) / 2)
    assert not torch.allclose(class_logits, distillation_logits)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("small-vit", {"heads": 7}),
        ("small-vit", {"norm": "group"}),
        ("small-vit", {"activation": "silu"}),
        ("small-vit", {"positions": "rotary"}),
        ("small-vit", {"width": 62, "heads": 2}),
        ("small-vit", {"input_shape": [10, 10]}),
        ("cp-resnet", {"blocks": [2, 1]}),
        ("cp-resnet", {"layout": "2021"}),
        ("cp-resnet", {"groups": 3}),
        ("bc-resnet", {"tau": 0.1}),
        ("tf-sepnet", {"width": 42}),
        ("tf-sepnet", {"layout": "2025"}),
        ("mobile-vit", {"channels": [16, 24]}),
        ("large-vit", {"layout": "deit"}),
        ("large-vit", {"layers": 1, "width": 12, "heads": 2, "patchout_rows": 12}),
        ("large-vit", {"layers": 1, "width": 12, "heads": 2, "patchout": 108}),
        ("mobilenet-v3", {"width": 0}),
        ("ensemble", {}),
        ("ensemble", {"members": [{"model": "ensemble"}]}),
        ("ensemble", {"members": [{"name": "ds-cnn"}]}),
    ],
)
def test_impossible_models_are_refused(name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(BadConfigError):
        build_model(name, **arguments)


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(BadConfigError, match="set input_shape"):
        build_model("small-vit").eval()(torch.zeros(1, 1, 128, 101))
