"""Rollout by plain loops on a toy of two layers, holes and overlaps by hand, and pictures of whole models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from edgekit.core.errors import DataError
from edgekit.models.attention_record import record_attention
from edgekit.models.registry import build_model
from edgekit.train.evaluation.attention import attention_pictures, can_look, patchout_of
from edgekit.train.evaluation.rollout import attention_rollout, patch_map, resize_patches


def _rows_that_sum_to_one(draw: np.random.Generator) -> np.ndarray:
    weights = draw.random((2, 4, 4))
    return weights / weights.sum(axis=2, keepdims=True)


def test_rollout_of_two_layers_token_by_token() -> None:
    draw = np.random.default_rng(0)
    first, second = _rows_that_sum_to_one(draw), _rows_that_sum_to_one(draw)

    def step(layer: np.ndarray, to: int, source: int) -> float:
        """Share of ``source`` in ``to`` after one layer: half by the residual, half by the heads' mean."""
        return 0.5 * (to == source) + 0.5 * (layer[0, to, source] + layer[1, to, source]) / 2

    found = attention_rollout([first, second])
    for to in range(4):
        for source in range(4):
            paths = sum(step(second, to, middle) * step(first, middle, source) for middle in range(4))
            assert found[to, source] == pytest.approx(paths)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_layers_that_only_look_at_themselves_move_nothing() -> None:
    np.testing.assert_allclose(attention_rollout([np.eye(3)[None]] * 5), np.eye(3))


def test_no_layer_is_an_error() -> None:
    with pytest.raises(DataError, match="roll out"):
        attention_rollout([])


def test_dropped_patches_are_holes() -> None:
    found = patch_map(np.array([0.1, 0.2, 0.3]), (2, 3), np.array([0, 4, 5]))
    np.testing.assert_array_equal(found, [[0.1, np.nan, np.nan], [np.nan, 0.2, 0.3]])


def test_overlapping_patches_share_their_pixels_by_the_nearest_centre() -> None:
    """Patches of 4 every 2 over 8 pixels: centres at 1.5, 3.5 and 5.5; pixel 2 is nearer the first, 3 the second."""
    found = resize_patches(np.array([[1.0, 2.0, 3.0]]), (4, 8), (4, 4), (4, 2))
    np.testing.assert_array_equal(found, np.tile([1, 1, 1, 2, 2, 3, 3, 3], (4, 1)))


def test_patches_without_overlap_are_repeated() -> None:
    patches = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(
        resize_patches(patches, (4, 9), (2, 3), (2, 3)), patches.repeat(2, axis=0).repeat(3, axis=1)
    )


@pytest.mark.parametrize(("name", "more"), [("small-vit", {"distillation": True}), ("large-vit", {"layout": "passt"})])
def test_pictures_are_the_class_tokens_weights_on_the_features_grid(name: str, more: dict[str, object]) -> None:
    torch.manual_seed(0)
    sizes = {"input_shape": (24, 34), "patch": 8, "stride": 8, "layers": 2, "width": 12, "heads": 3}
    model = build_model(name, classes=3, **sizes, **more).eval()
    assert can_look(model)
    x = torch.randn(2, 1, 24, 34)
    seen: list[Tensor] = []
    model.blocks[-1].attn.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    pictures = attention_pictures(model, x)
    assert len(pictures) == 2 and pictures[0].heads.shape == (3, 24, 34)
    # By hand from the input of the last attention: softmax(q·k/√d) of the class token, patches after two tokens.
    attention = model.blocks[-1].attn
    q, k, _ = (attention.qkv(seen[0])[1].split(12, dim=1)[i].reshape(-1, 3, 4) for i in range(3))
    for head in range(3):
        logits = (q[0, head] @ k[:, head].T / 2.0).detach().double().numpy()
        weights = np.exp(logits) / np.exp(logits).sum()
        grid = weights[2:].reshape(3, 4)
        np.testing.assert_allclose(pictures[1].heads[head][::8, :32:8], grid, rtol=1e-4)
    with record_attention(model) as layers, torch.no_grad():
        model(x)
    flow = attention_rollout([layer[0].double().numpy() for layer in layers])
    np.testing.assert_allclose(pictures[0].rollout[::8, :32:8], flow[0, 2:].reshape(3, 4))


def test_patchout_as_in_training_leaves_holes() -> None:
    sizes = {"input_shape": (24, 32), "patch": 8, "stride": 8, "layers": 1, "width": 12, "heads": 2}
    model = build_model("large-vit", classes=3, patchout_rows=1, **sizes).eval()
    keep = patchout_of(model, seed=3)
    assert keep is not None and torch.equal(keep, patchout_of(model, seed=3)) and len(keep) == 8
    picture = attention_pictures(model, torch.randn(1, 1, 24, 32), keep)[0]
    holes = np.isnan(picture.rollout)
    dropped = ({0, 1, 2} - {int(i) // 4 for i in keep}).pop()
    expected = np.zeros((24, 32), bool)
    expected[8 * dropped : 8 * dropped + 8] = True
    np.testing.assert_array_equal(holes, expected)
    assert patchout_of(build_model("large-vit", classes=3, **sizes)) is None


def test_a_convolutional_model_cannot_be_looked_into() -> None:
    assert not can_look(build_model("ds-cnn", classes=3))
