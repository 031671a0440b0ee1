"""Patchout by property, positional codes, ensembles."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.models.patches import structured_keep, unstructured_keep
from edgekit.models.registry import build_model

SMALL = {"layers": 2, "width": 24, "heads": 2, "mlp_ratio": 1.0}


class _Seen:
    """Tokens that enter the first block."""

    def __init__(self, model: nn.Module) -> None:
        self.tokens = torch.empty(0)
        model.get_submodule("blocks.0").register_forward_pre_hook(self._keep)

    def _keep(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.tokens = inputs[0].detach()


def labelled(**patchout: int) -> nn.Module:
    """A PaSST whose patch at row r, column c is the token (100·r + c, 0, …): its codes are these numbers alone."""
    model = build_model("passt", **SMALL, **patchout)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("patch_embed") or name.endswith(("token", "embed")):
                parameter.zero_()
        model.get_parameter("freq_new_pos_embed")[0, 0, :, 0] = 100.0 * torch.arange(12)
        model.get_parameter("time_new_pos_embed")[0, 0, 0] = torch.arange(9.0)
    return model


def places(seen: _Seen) -> list[tuple[int, int]]:
    return [divmod(int(value), 100) for value in seen.tokens[0, 2:, 0]]


ALL = {(row, column) for row in range(12) for column in range(9)}


def test_structured_patchout_drops_whole_rows_and_columns() -> None:
    model = labelled(patchout_rows=6, patchout_columns=2)
    seen = _Seen(model)
    drawn = set()
    for seed in range(5):
        torch.manual_seed(seed)
        model.train()(torch.randn(3, 1, 128, 100))
        found = places(seen)
        rows, columns = {row for row, _ in found}, {column for _, column in found}
        assert (len(rows), len(columns), len(found)) == (6, 7, 42)
        assert set(found) == {(row, column) for row in rows for column in columns}
        assert found == sorted(found)
        drawn.add(tuple(sorted(rows)))
    assert len(drawn) > 1


def test_unstructured_patchout_drops_single_patches() -> None:
    model = labelled(patchout=40)
    seen = _Seen(model)
    torch.manual_seed(0)
    model.train()(torch.randn(2, 1, 128, 100))
    found = places(seen)
    assert len(found) == len(set(found)) == 68
    assert set(found) < ALL
    assert {row for row, _ in found} == set(range(12))  # no whole row is gone with this seed


def test_evaluation_drops_nothing() -> None:
    model = labelled(patchout_rows=6, patchout_columns=2, patchout=10).eval()
    seen = _Seen(model)
    x = torch.randn(2, 1, 128, 100)
    with torch.no_grad():
        first, second = model(x), model(x)
    assert places(seen) == sorted(ALL)
    assert torch.equal(first, second)


def test_dropped_patches_have_no_influence() -> None:
    torch.manual_seed(1)
    model = build_model("passt", **SMALL, stride=16, patchout_rows=3).train()  # patches do not overlap
    x = torch.randn(2, 1, 128, 100, requires_grad=True)
    keep = model.sample_keep((8, 6))
    assert keep is not None and len(keep) == 5 * 6
    model(x, keep=keep).square().sum().backward()
    assert x.grad is not None
    for row in range(8):
        moved = bool(x.grad[:, :, 16 * row : 16 * row + 16, :96].any())
        assert moved == (row * 6 in keep.tolist())


def test_student_drops_what_the_teacher_dropped() -> None:
    torch.manual_seed(2)
    teacher = build_model("passt", **SMALL, patchout_rows=6).train()
    student = build_model("small-vit").train()
    seen = _Seen(student)
    keep = teacher.sample_keep(teacher.grid)
    x = torch.randn(2, 1, 128, 100)
    teacher(x, keep=keep)
    student(x, keep=keep)
    tokens = student.patch_embed(x).flatten(2).transpose(1, 2) + student.pos_embed
    torch.testing.assert_close(seen.tokens[:, 1:], tokens.detach()[:, keep])


def test_keep_indices_are_ascending_and_bounded() -> None:
    keep = structured_keep((4, 5), 1, 2)
    assert len(keep) == 9 and bool((keep.diff() > 0).all()) and set(keep.tolist()) < set(range(20))
    single = unstructured_keep(keep, 4)
    assert len(single) == 5 and set(single.tolist()) < set(keep.tolist())
    with pytest.raises(BadConfigError, match="cannot drop"):
        structured_keep((4, 5), 4, 0)
    with pytest.raises(BadConfigError, match="cannot drop"):
        unstructured_keep(keep, 9)


def test_split_codes_take_shorter_clips_and_joint_ones_do_not() -> None:
    model = build_model("passt", **SMALL).eval()
    assert model(torch.zeros(1, 1, 128, 56)).shape == (1, 10)
    with pytest.raises(BadConfigError, match="set input_shape"):
        model(torch.zeros(1, 1, 128, 120))
    with pytest.raises(BadConfigError, match="set input_shape"):
        build_model("large-vit", **SMALL).eval()(torch.zeros(1, 1, 128, 56))


@pytest.mark.parametrize("name", ["large-vit", "passt", "ast"])
def test_teacher_trains_one_step(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, classes=4, **SMALL, patchout_rows=6).train()
    loss = nn.functional.cross_entropy(model(torch.randn(4, 1, 128, 100)), torch.arange(4))
    loss.backward()
    still = [key for key, p in model.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert (bool(loss.isfinite()), still) == (True, [])


def test_teacher_leaves_as_onnx(tmp_path: Path) -> None:
    from edgekit.train.onnx_export import export_module

    torch.manual_seed(0)
    path = tmp_path / "m.onnx"
    export_module(build_model("passt", **SMALL, patchout_rows=6), (128, 100), path, {})  # compares with ONNX Runtime
    assert path.stat().st_size > 4 * 24 * 256


def test_ensemble_is_the_mean_of_its_members() -> None:
    torch.manual_seed(0)
    members = [{"model": "ds-cnn"}, {"model": "cp-mobile-6k"}, {"model": "bc-resnet", "arguments": {"tau": 1}}]
    model = build_model("ensemble", classes=3, members=members).eval()
    x = torch.randn(2, 1, 40, 33)
    with torch.no_grad():
        single = [member(x) for member in model.members]
        torch.testing.assert_close(model(x), (single[0] + single[1] + single[2]) / 3)
