"""Published counts of the students, by torchinfo's rules written out here: (weights + bias) × positions for
convolutions, parameters once for linear and batch norm, nothing for the rest (SCIENCE: the challenge's counter)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model, model_names


def count(model: nn.Module, shape: tuple[int, int]) -> tuple[int, int, int]:
    """(parameters, MACs by the ``dcase`` convention, multiply-accumulates of convolutions and linear layers)."""
    dcase = true = 0

    def hook(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal dcase, true
        own = sum(p.numel() for p in module.parameters(recurse=False))
        if isinstance(module, nn.Conv2d):
            positions = output.shape[2] * output.shape[3]
            dcase += own * positions
            true += module.weight.numel() * positions
        elif isinstance(module, nn.Linear | nn.BatchNorm2d):
            dcase += own
            true += module.weight.numel() if isinstance(module, nn.Linear) else 0

    for module in model.modules():
        module.register_forward_hook(hook)
    with torch.no_grad():
        model.eval()(torch.zeros(1, 1, *shape))
    return sum(p.numel() for p in model.parameters()), dcase, true


def test_cp_mobile_defaults_are_the_dcase_2024_baseline() -> None:
    parameters, dcase, _ = count(build_model("cp-mobile"), (256, 65))
    assert (parameters, dcase) == (61_148, 29_419_156)


@pytest.mark.parametrize(
    ("base", "multiplier", "expansion", "published"),
    [
        (32, 2.3, 3.0, 126_952),
        (32, 1.9, 2.5, 84_280),
        (24, 1.9, 2.6, 53_010),
        (16, 1.5, 2.0, 13_996),
        (8, 1.6, 2.2, 5_734),
    ],
)
def test_cp_mobile_2023_sizes_with_grn(base: int, multiplier: float, expansion: float, published: int) -> None:
    model = build_model("cp-mobile", base_channels=base, multiplier=multiplier, expansion=expansion, grn=True)
    assert sum(p.numel() for p in model.parameters()) == published


def test_ds_cnn_defaults_are_the_mlperf_reference() -> None:
    parameters, _, true = count(build_model("ds-cnn"), (49, 10))
    # Keras counts 24,908: 9 void convolution biases of 64 and 9 × 2 × 64 moving statistics more.
    assert parameters + 9 * 64 + 9 * 2 * 64 == 24_908
    assert true == 2_656_768


@pytest.mark.parametrize("shape", [(40, 101), (98, 40), (49, 10), (101, 40)])
def test_ds_cnn_takes_other_inputs_and_lists_of_widths(shape: tuple[int, int]) -> None:
    model = build_model(
        "ds-cnn", classes=9, channels=[32, 48, 64], block_strides=[[2, 1], 1], stem_kernel=5, stem_stride=[2, 2]
    )
    assert model.eval()(torch.zeros(2, 1, *shape)).shape == (2, 9)


def test_grn_follows_its_equation() -> None:
    from edgekit.models.students.cp_mobile import GlobalResponseNorm

    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    layer = GlobalResponseNorm().double()
    nn.init.constant_(layer.gamma, 0.5)
    nn.init.constant_(layer.beta, 0.25)
    g = np.sqrt((x**2).sum(axis=(2, 3), keepdims=True))
    expected = 0.5 * x * (g / (g.mean(axis=1, keepdims=True) + 1e-6)) + 0.25 + x
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-12)


def test_same_seed_same_weights() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(build_model("cp-mobile", classes=3).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_unknown_names_are_errors_that_suggest() -> None:
    assert set(model_names()) >= {"ds-cnn", "cp-mobile"}
    with pytest.raises(BadConfigError, match="did you mean 'ds-cnn'"):
        build_model("dscnn")
    with pytest.raises(BadConfigError, match="did you mean 'dropout'"):
        build_model("ds-cnn", dropuot=0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"channels": [32, 32], "blocks": 4},
        {"channels": []},
        {"channels": [32, 32], "block_strides": [1, 1]},
        {"dropout": 1.5},
        {"stem_kernel": [3, 3, 3]},
    ],
)
def test_impossible_ds_cnn_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(BadConfigError):
        build_model("ds-cnn", **arguments)


def test_stride_for_a_missing_block_is_refused() -> None:
    with pytest.raises(BadConfigError, match="no block '9'"):
        build_model("cp-mobile", strides={"9": 2})
