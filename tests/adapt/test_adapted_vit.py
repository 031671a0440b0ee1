"""Adapters: their counts, that they begin as nothing, and what is stored."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from edgekit.adapt.adapters.choice import METHODS
from edgekit.adapt.source import read_source
from edgekit.adapt.vit import AdaptedVit
from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import load_checkpoint, save_checkpoint

COUNTED = [method for method in METHODS if method not in ("full", "bitfit")]


def _adapted(source: Path, method: str, **more: object) -> AdaptedVit:
    model = read_source(source)
    built = build_model("adapted-vit", classes=5, source=model.mark(), method=method, **more)
    assert isinstance(built, AdaptedVit)
    built.load_source(model.weights())
    return built


def _counted(method: str, size: int, kernel: int) -> int:
    """Trained parameters besides the head by the papers' formulas, of two blocks of 16 channels.

    With C channels, of each block: LoRA 4·r·C (queries and values, A [r, C] and B [C, r]); Houlsby 2·(2·r·C + r + C);
    Pfeiffer 2·r·C + r + C; convolution 3·r·C + 2·r + k·r + 2·r + C (gate, taps, batch norm, back); a prompt r·C, a
    shallow one once for all blocks.
    """
    r, c, blocks = size, 16, 2
    return {
        "linear-probe": 0,
        "prompt-shallow": r * c,
        "prompt-deep": blocks * r * c,
        "lora": blocks * 4 * r * c,
        "houlsby": blocks * 2 * (2 * r * c + r + c),
        "pfeiffer": blocks * (2 * r * c + r + c),
        "convolution": blocks * (3 * r * c + 2 * r + kernel * r + 2 * r + c),
    }[method]


def _steps(adapted: AdaptedVit, shape: tuple[int, int, int]) -> None:
    """Two steps on noise."""
    optimiser = torch.optim.Adam([p for p in adapted.parameters() if p.requires_grad], 0.01)
    for _ in range(2):
        x = torch.randn(4, 1, *shape[1:])
        torch.nn.functional.cross_entropy(adapted(x), torch.tensor([0, 1, 2, 3])).backward()
        optimiser.step()
        optimiser.zero_grad()


@pytest.mark.parametrize("method", COUNTED)
@pytest.mark.parametrize("size", [1, 3])
def test_trained_parameters_equal_the_formula(vit_source: Path, method: str, size: int) -> None:
    adapted = _adapted(vit_source, method, size=size)
    head = 5 * 16 + 5
    assert adapted.trained_parameters(head=False) == _counted(method, size, kernel=7)
    assert adapted.trained_parameters() == adapted.trained_parameters(head=False) + head


@pytest.fixture(scope="module")
def passt(vit_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny "large-vit" laid out as PaSST: two tokens, codes of frequency and time, a norm before the head."""
    small = load_checkpoint(vit_source)
    arguments = {**small.arguments, "layout": "passt"}
    weights = build_model("large-vit", **arguments).state_dict()
    folder = tmp_path_factory.mktemp("passt")
    large = dataclasses.replace(small, model="large-vit", arguments=arguments, weights=weights)
    save_checkpoint(large, folder / "checkpoint.safetensors")
    return folder


@pytest.mark.parametrize("method", ["linear-probe", "prompt-shallow", "prompt-deep", "lora", "houlsby", "convolution"])
def test_passt_takes_adapters_and_a_new_head_with_its_norm(passt: Path, method: str) -> None:
    adapted = _adapted(passt, method, size=2).train()
    counted = _counted(method, size=2, kernel=7)
    assert adapted.trained_parameters(head=False) == counted
    assert adapted.trained_parameters() == counted + 2 * 16 + 5 * 16 + 5
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    _steps(adapted, read_source(passt).shape)
    after = adapted.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    statistics = {name for name in before if "running" in name or "tracked" in name}
    assert moved - statistics == {name for name, _ in adapted.learning()}


@pytest.mark.parametrize("placement", ["sequential", "parallel"])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("method", ["pfeiffer", "convolution"])
def test_a_bottleneck_acts_by_its_equation(vit_source: Path, method: str, placement: str, residual: bool) -> None:
    adapted = _adapted(vit_source, method, placement=placement, residual=residual, scale=0.5).eval()
    with torch.no_grad():
        for parameter in adapted.adapters.parameters():
            parameter.normal_()
    block, adapter = adapted.source.blocks[0], adapted.adapters[0]
    seen: dict[str, torch.Tensor] = {}
    block.norm2.register_forward_hook(lambda module, given, made: seen.update(x=made))
    block.mlp.register_forward_hook(lambda module, given, made: seen.update(y=made))
    adapted(torch.randn(2, 1, *read_source(vit_source).shape[1:]))
    x = seen["x"]
    plain = copy.deepcopy(block.mlp)
    plain._forward_hooks.clear()
    y = plain(x)
    if placement == "sequential":
        expected = adapter(y) + (y if residual else 0.0)
    else:
        expected = y + 0.5 * adapter(x) + (x if residual else 0.0)
    torch.testing.assert_close(seen["y"], expected)


def test_the_controls_train_biases_and_everything(vit_source: Path) -> None:
    source = build_model("small-vit", **read_source(vit_source).arguments)
    biases = sum(p.numel() for name, p in source.named_parameters() if name.endswith("bias") and "head" not in name)
    body = sum(p.numel() for name, p in source.named_parameters() if "head" not in name)
    assert _adapted(vit_source, "bitfit").trained_parameters(head=False) == biases
    assert _adapted(vit_source, "full").trained_parameters(head=False) == body


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("lora", {}),
        ("houlsby", {}),
        ("pfeiffer", {}),
        ("convolution", {}),
        ("houlsby", {"placement": "parallel", "residual": False}),
    ],
)
def test_an_untrained_adapter_changes_nothing(vit_source: Path, method: str, more: dict[str, object]) -> None:
    adapted = _adapted(vit_source, method, **more).eval()
    plain = _adapted(vit_source, "linear-probe").eval()
    plain.source.head.load_state_dict(adapted.source.head.state_dict())
    x = torch.randn(2, 1, *read_source(vit_source).shape[1:])
    torch.testing.assert_close(adapted(x), plain(x))


@pytest.mark.parametrize("method", METHODS)
def test_a_step_moves_the_adapter_and_leaves_the_frozen_tensors_alone(vit_source: Path, method: str) -> None:
    adapted = _adapted(vit_source, method).train()
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    _steps(adapted, read_source(vit_source).shape)
    after = adapted.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in adapted.frozen_names())
    moved = {name for name, _ in adapted.learning() if not torch.equal(before[name], after[name])}
    assert moved == {name for name, _ in adapted.learning()}


def test_a_copy_uses_its_own_adapters(vit_source: Path) -> None:
    adapted = _adapted(vit_source, "houlsby").eval()
    x = torch.randn(1, 1, *read_source(vit_source).shape[1:])
    told = adapted(x)
    other = copy.deepcopy(adapted)
    with torch.no_grad():
        for parameter in other.adapters.parameters():
            parameter.add_(1.0)
    torch.testing.assert_close(adapted(x), told)
    assert not torch.allclose(other(x), told)


def test_low_rank_products_merge_into_the_frozen_weight(vit_source: Path) -> None:
    adapted = _adapted(vit_source, "lora", scale=2.0).eval()
    with torch.no_grad():
        for parameter in adapted.adapters.parameters():
            parameter.normal_()
    x = torch.randn(2, 1, *read_source(vit_source).shape[1:])
    told = adapted(x)
    plain = copy.deepcopy(adapted.source)
    for block, adapter in zip(plain.blocks, adapted.adapters, strict=True):
        block.attn.qkv._forward_hooks.clear()
        block.attn.qkv.weight = torch.nn.Parameter(adapter.merged(block.attn.qkv.weight))
    torch.testing.assert_close(plain(x), told, rtol=1e-4, atol=1e-5)


def test_prompts_lengthen_the_sequence_that_attention_sees(vit_source: Path) -> None:
    lengths = []
    adapted = _adapted(vit_source, "prompt-deep", size=3).eval()
    for block in adapted.source.blocks:
        block.attn.register_forward_pre_hook(lambda module, given: lengths.append(given[0].shape[1]))
    adapted(torch.randn(1, 1, *read_source(vit_source).shape[1:]))
    grid = adapted.source.grid
    assert lengths == [1 + grid[0] * grid[1] + 3] * 2


def test_other_models_are_refused(picture_source: Path) -> None:
    with pytest.raises(BadConfigError, match="adapters are for small-vit"):
        _adapted(picture_source, "lora")


def test_unknown_methods_are_refused(vit_source: Path) -> None:
    with pytest.raises(BadConfigError, match="unknown method 'lore'"):
        _adapted(vit_source, "lore")


def test_the_mark_holds_what_the_file_says(vit_source: Path) -> None:
    source = read_source(vit_source)
    assert source.weights().keys() == load_file(vit_source / "checkpoint.safetensors").keys()
    assert source.labels == ("a", "b", "c")
