"""Each loss of distillation against its formula written out by hand, in numpy and in loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model
from edgekit.train.class_weights import class_weights
from edgekit.train.distillation.choice import Distillation
from edgekit.train.distillation.deit import deit_hard, deit_soft, hard_shares
from edgekit.train.distillation.hinton import divergence, hinton, soft_shares
from edgekit.train.distillation.hints import Hints
from edgekit.train.distillation.patchout import check_synchronised, sample_shared
from edgekit.train.distillation.projection import FeatureProjection
from edgekit.train.distillation.taps import tapped
from edgekit.train.distillation.vitkd import VitKd
from edgekit.train.recipe import ClassWeights

STUDENT = [[1.0, -0.5, 0.2], [0.0, 2.0, -1.0]]
TEACHER = [[2.0, 0.0, -1.0], [0.5, 0.4, 0.3]]
LABELS = [0, 2]


def _softmax(row: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _kl(temperature: float) -> float:
    """Σ over clips and classes of p·log(p/q)."""
    total = 0.0
    for ours, theirs in zip(STUDENT, TEACHER, strict=True):
        p, q = _softmax(theirs, temperature), _softmax(ours, temperature)
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total


def _cross_entropy() -> float:
    return -sum(math.log(_softmax(row)[label]) for row, label in zip(STUDENT, LABELS, strict=True)) / 2


@pytest.mark.parametrize(("reduction", "divisor"), [("batchmean", 2), ("mean", 6)])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_hinton_is_the_formula(reduction: str, divisor: int, temperature: float) -> None:
    student, teacher = torch.tensor(STUDENT), torch.tensor(TEACHER)
    labels = functional.cross_entropy(student, torch.tensor(LABELS))
    loss = hinton(labels, student, soft_shares(teacher, temperature), 0.98, temperature, reduction)
    expected = 0.02 * _cross_entropy() + 0.98 * temperature**2 * _kl(temperature) / divisor
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.filterwarnings("ignore:reduction")
def test_reductions_are_those_of_torch() -> None:
    student, teacher = torch.randn(7, 5), torch.randn(7, 5)
    for reduction in ("batchmean", "mean"):
        theirs = functional.kl_div((student / 3).log_softmax(1), (teacher / 3).softmax(1), reduction=reduction)
        assert torch.allclose(divergence(student, soft_shares(teacher, 3.0), 3.0, reduction), theirs, atol=1e-6)


def test_a_share_of_zero_is_no_nan() -> None:
    student = torch.tensor([[0.0, 1.0]], requires_grad=True)
    loss = divergence(student, torch.tensor([[1.0, 0.0]]), 1.0, "batchmean")
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(_softmax([0.0, 1.0])[0]), rel=1e-6)
    assert bool(torch.isfinite(student.grad).all())  # type: ignore[arg-type]


def test_deit_soft_learns_labels_and_teacher_with_separate_heads() -> None:
    class_head, token_head = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), torch.tensor(STUDENT)
    labels = functional.cross_entropy(class_head, torch.tensor(LABELS))
    loss = deit_soft(labels, token_head, soft_shares(torch.tensor(TEACHER), 3.0), 0.5, 3.0, "mean")
    ce = -math.log(_softmax([3.0, 0.0, 0.0])[0])  # the same for both clips
    assert float(loss) == pytest.approx(0.5 * ce + 0.5 * 9.0 * _kl(3.0) / 6, rel=1e-5)


def test_deit_hard_is_half_and_half_with_the_teachers_decision() -> None:
    class_head, token_head = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), torch.tensor(STUDENT)
    labels = functional.cross_entropy(class_head, torch.tensor(LABELS))
    loss = deit_hard(labels, token_head, hard_shares(torch.tensor(TEACHER)), 0.5)
    decided = -(math.log(_softmax(STUDENT[0])[0]) + math.log(_softmax(STUDENT[1])[0])) / 2  # largest logit: 0 and 0
    assert float(loss) == pytest.approx(0.5 * -math.log(_softmax([3.0, 0.0, 0.0])[0]) + 0.5 * decided, rel=1e-5)


def _conv(maps: np.ndarray, layer: nn.Conv2d) -> np.ndarray:
    """3×3, zero-padded by 1, in loops: [C, F, T] → [D, F, T]."""
    weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    _, rows, columns = maps.shape
    padded = np.zeros((maps.shape[0], rows + 2, columns + 2))
    padded[:, 1:-1, 1:-1] = maps
    out = np.zeros((len(weight), rows, columns))
    for row in range(rows):
        for column in range(columns):
            patch = padded[:, row : row + 3, column : column + 3]
            out[:, row, column] = (weight * patch).sum(axis=(1, 2, 3)) + bias
    return out


def test_vitkd_on_a_grid_that_is_not_square() -> None:
    """N = 2, grid 4×3, widths 4 → 6, against numpy in float64."""
    torch.manual_seed(3)
    loss = VitKd(4, 6, (4, 3), mimic_weight=0.3, generate_weight=0.2, mask_share=0.5)
    nn.init.normal_(loss.mask_token)
    student = [torch.randn(2, 12, 4) for _ in range(3)]
    teacher = [torch.randn(2, 12, 6) for _ in range(3)]

    def affine(layer: nn.Linear, tokens: torch.Tensor) -> np.ndarray:
        matrix, offset = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
        return tokens.double().numpy() @ matrix.T + offset

    mimicked = sum(
        ((affine(loss.align_first[i], student[i]) - teacher[i].double().numpy()) ** 2).sum() for i in range(2)
    )
    assert float(loss.mimic(student[:2], teacher[:2]).detach()) == pytest.approx(0.3 * mimicked / 2, rel=1e-5)

    masked = loss.draw_mask(student[2])
    assert masked.shape == (2, 12) and masked.sum(1).tolist() == [6, 6]
    aligned = affine(loss.align_last, student[2])
    error = 0.0
    for clip in range(2):
        tokens = aligned[clip].copy()
        tokens[masked[clip].numpy()] = loss.mask_token.detach().double().numpy()[0, 0]
        maps = np.zeros((6, 4, 3))
        for place in range(12):
            maps[:, place // 3, place % 3] = tokens[place]  # row by row: frequency, then time
        made = _conv(np.maximum(_conv(maps, loss.generator[0]), 0.0), loss.generator[2])
        for place in np.flatnonzero(masked[clip].numpy()):
            error += ((made[:, place // 3, place % 3] - teacher[2][clip, place].double().numpy()) ** 2).sum()
    got = float(loss.generate(student[2], teacher[2], masked).detach())
    assert got == pytest.approx(0.2 / 0.5 * error / 2, rel=1e-5)


def test_projection_compares_maps_on_the_students_grid() -> None:
    torch.manual_seed(4)
    loss = FeatureProjection((3, 2, 2), (5, 4, 2))
    student, teacher = torch.randn(2, 3, 2, 2), torch.randn(2, 5, 4, 2)
    pooled = teacher.numpy().reshape(2, 5, 2, 2, 2).mean(axis=3)  # pairs of rows
    assert isinstance(loss.project, nn.Conv2d)
    matrix, offset = loss.project.weight.detach().numpy()[:, :, 0, 0], loss.project.bias.detach().numpy()  # type: ignore[union-attr]
    made = np.einsum("dc,nchw->ndhw", matrix, student.numpy()) + offset[None, :, None, None]
    assert float(loss(student, teacher).detach()) == pytest.approx(((made - pooled) ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize(("student", "teacher"), [((3, 2, 2), (7, 5)), ((4,), (5, 2, 2)), ((6, 4), (6, 7))])
def test_projection_of_other_shapes(student: tuple[int, ...], teacher: tuple[int, ...]) -> None:
    """Maps against tokens and vectors against maps by their means over places; tokens of equal number one by one."""
    torch.manual_seed(5)
    loss = FeatureProjection(student, teacher)
    ours, theirs = torch.randn(2, *student), torch.randn(2, *teacher)
    value = float(loss(ours, theirs).detach())
    if len(student) == 3:
        ours, theirs = ours.mean((2, 3)), theirs.mean(1)  # [2, 3], [2, 5]
    if len(teacher) == 3:
        theirs = theirs.mean((2, 3))
    assert isinstance(loss.project, nn.Linear)
    made = ours @ loss.project.weight.detach().T + loss.project.bias.detach()
    assert value == pytest.approx(float((made - theirs).square().mean()), rel=1e-5)


def test_features_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(BadConfigError, match="no maps, tokens or vectors"):
        FeatureProjection((1, 2, 3, 4), (5,))


def _student(**more: object) -> nn.Module:
    arguments = {"input_shape": (20, 24), "patch": 4, "stride": 4, "layers": 3, "width": 8, "heads": 2}
    return build_model("small-vit", classes=3, **{**arguments, **more})


def _teacher(**more: object) -> nn.Module:
    arguments = {"input_shape": (20, 24), "patch": 4, "stride": 4, "layers": 4, "width": 12, "heads": 2}
    return build_model("large-vit", classes=3, **{**arguments, **more}).eval().requires_grad_(False)


def test_vitkd_takes_the_first_two_blocks_and_the_last_without_the_tokens() -> None:
    torch.manual_seed(6)
    student, teacher, x = _student(distillation=True), _teacher(layout="passt"), torch.randn(2, 1, 20, 24)
    hints = Hints(Distillation(features="vitkd"), student, teacher, ((20, 24), (20, 24)))
    assert hints.student_layers == ["blocks.0", "blocks.1", "blocks.2"]
    assert hints.teacher_layers == ["blocks.0", "blocks.1", "blocks.3"]
    with tapped(student, hints.student_layers) as ours, tapped(teacher, hints.teacher_layers) as theirs:
        student(x), teacher(x)
    torch.manual_seed(7)
    loss = hints(ours, theirs)
    torch.manual_seed(7)
    assert isinstance(hints.loss, VitKd) and hints.loss.grid == (5, 6)
    again = hints.loss([ours[n][:, 2:] for n in ours], [theirs[n][:, 2:] for n in theirs])  # two tokens each
    assert torch.equal(loss, again)
    loss.backward()
    assert student.blocks[0].attn.qkv.weight.grad is not None  # type: ignore[index, union-attr]
    assert not any(block._forward_hooks for block in student.blocks)  # type: ignore[union-attr]


def test_hints_name_layers_that_are_not_there() -> None:
    choice = Distillation(features="projection", student_layer="block.1", teacher_layer="blocks.1")
    with pytest.raises(BadConfigError, match=r"no layer 'block.1' in SmallVit .*did you mean 'blocks.1'"):
        Hints(choice, _student(), _teacher(), ((20, 24), (20, 24)))
    with pytest.raises(BadConfigError, match="no two transformer blocks"):
        Hints(Distillation(features="vitkd"), build_model("ds-cnn", classes=3), _teacher(), ((20, 24), (20, 24)))
    with pytest.raises(BadConfigError, match=r"grid of \(5, 6\) patches, the teacher \(3, 3\)"):
        Hints(Distillation(features="vitkd"), _student(), _teacher(patch=8, stride=6), ((20, 24), (20, 24)))


def test_synchronised_patchout_shows_both_the_same_patches() -> None:
    torch.manual_seed(8)
    student, teacher = _student(), _teacher(patchout_rows=2)
    grid = check_synchronised(student, teacher)
    keep = sample_shared(teacher, grid, torch.device("cpu"))
    assert grid == (5, 6) and len(keep) == 3 * 6  # 2 of 5 frequency rows are gone
    rows = {int(place) // 6 for place in keep}
    assert len(rows) == 3
    x, y = torch.randn(2, 1, 20, 24), torch.randn(2, 1, 20, 24)
    mixed = y.clone()
    for row in rows:  # only what lies in kept patches is the same in x and mixed
        mixed[:, :, 4 * row : 4 * row + 4] = x[:, :, 4 * row : 4 * row + 4]
    student.eval()
    for model in (student, teacher):
        assert torch.allclose(model(x, keep), model(mixed, keep), atol=1e-6)
        assert not torch.allclose(model(x), model(mixed), atol=1e-6)


def test_patchout_that_cannot_be_synchronised_is_refused() -> None:
    with pytest.raises(BadConfigError, match="two models of patches only"):
        check_synchronised(build_model("ds-cnn", classes=3), _teacher(patchout=3))
    with pytest.raises(BadConfigError, match="drops no patches"):
        check_synchronised(_student(), _teacher())
    with pytest.raises(BadConfigError, match="5×6 patches, the teacher 3×3"):
        check_synchronised(_student(), _teacher(patch=8, stride=6, patchout=3))


def test_class_weights_are_one_over_the_count_with_a_floor() -> None:
    counts = np.array([100, 20, 5])
    weights = class_weights(counts, ClassWeights(rule="inverse", floor=10))
    raw = [1 / 100, 1 / 20, 1 / 10]
    mean = (100 * raw[0] + 20 * raw[1] + 5 * raw[2]) / 125
    assert weights is not None
    assert weights.tolist() == pytest.approx([value / mean for value in raw], rel=1e-6)
    assert class_weights(counts, ClassWeights()) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": 1.5}, "weight = 1.5 is out of range"),
        ({"temperature": 0.0}, "temperature"),
        ({"features": "projection"}, "does not know its layers"),
        ({"features": "vitkd", "synchronise_patchout": True}, "needs every patch"),
        ({"features": "vitkd", "mask_share": 1.0}, "needs every patch"),
    ],
)
def test_impossible_choices_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(BadConfigError, match=message):
        Distillation(**values)  # type: ignore[arg-type]
