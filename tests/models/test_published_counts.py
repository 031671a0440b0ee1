"""Parameters and multiply-accumulates of every registered architecture against published or counted figures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from model_counts import counts

from edgekit.models.registry import build_model, model_names
from edgekit.models.variants import VARIANTS

# name, features (F, T), arguments, parameters, MMAC in the dcase convention as published (two or one decimals)
CONVOLUTIONAL = [
    ("cp-mobile", (256, 65), {}, 61_148, "29.42"),
    ("cp-mobile-127k", (256, 64), {}, 126_952, "28.89"),
    ("cp-mobile-84k", (256, 64), {}, 84_280, "21.73"),
    ("cp-mobile-61k", (256, 64), {}, 61_160, "17.05"),
    ("cp-mobile-53k", (256, 64), {}, 53_010, "13.40"),
    ("cp-mobile-40k", (256, 64), {}, 39_868, "8.43"),
    ("cp-mobile-31k", (256, 64), {}, 31_058, "9.29"),
    ("cp-mobile-14k", (256, 64), {}, 13_996, "4.26"),
    ("cp-mobile-6k", (256, 64), {}, 5_734, "1.42"),
    ("cp-resnet", (256, 43), {}, 127_684, "28.84"),
    ("bc-resnet-1", (40, 101), {}, 9_232, "2.48"),
    ("bc-resnet-3", (40, 101), {}, 54_168, "14.5"),
    ("bc-resnet-8", (40, 101), {}, 321_068, "85.9"),
    ("tf-sepnet", (256, 64), {}, 54_270, "29.7"),
    ("tf-sepnet-64", (512, 64), {}, 126_858, "29.42"),
]


@pytest.mark.parametrize(("name", "shape", "arguments", "parameters", "mmac"), CONVOLUTIONAL)
def test_convolutional_models_have_the_published_counts(
    name: str, shape: tuple[int, int], arguments: dict[str, object], parameters: int, mmac: str
) -> None:
    found, dcase, _ = counts(name, shape, **arguments)
    decimals = len(mmac.partition(".")[2])
    assert found == parameters
    assert f"{dcase / 1e6:.{decimals}f}" == mmac


@pytest.mark.parametrize(("tau", "parameters"), [(1.5, 17_154), (2, 27_284), (6, 187_812)])
def test_bc_resnet_grows_with_the_square_of_tau(tau: float, parameters: int) -> None:
    # By hand from the layer list: with b = 8τ, the coefficients of b² and b sum over the stem, 12 blocks and the tail.
    base = int(8 * tau)
    widths = [2 * base] + [int(base * f) for f, n in ((1, 2), (1.5, 2), (2, 4), (2.5, 4)) for _ in range(n)]
    total = 25 * 2 * base + 2 * 2 * base
    for before, after in pairwise(widths):
        total += (before * after + 2 * after) * (before != after)
        total += 3 * after + 2 * 5 * after  # depthwise over frequency, SubSpectralNorm
        total += 3 * after + 2 * after + after * after  # depthwise over time, batch norm, 1×1
    total += 25 * widths[-1] + widths[-1] * 4 * base + 2 * 4 * base + 12 * (4 * base + 1)
    assert counts(f"bc-resnet-{tau}", (40, 101))[0] == total == parameters


@pytest.mark.parametrize(
    ("name", "layers", "width", "positions", "mops"),
    [("ds-cnn-s", 4, 64, 125, 5.4), ("ds-cnn-m", 4, 172, 65, 19.8), ("ds-cnn-l", 5, 276, 65, 56.9)],
)
def test_ds_cnn_sizes_are_those_of_hello_edge(name: str, layers: int, width: int, positions: int, mops: float) -> None:
    parameters, _, true = counts(name, (49, 10))
    block = 9 * width + width * width
    # Stride 1 over frequency: symmetric padding of the even kernel makes 25×9 where TensorFlow's "same" made 25×10.
    stem_positions = 125 if name == "ds-cnn-s" else 225
    assert parameters == 40 * width + 2 * width + layers * (block + 4 * width) + 12 * (width + 1)
    assert true == 40 * width * stem_positions + layers * block * positions + 12 * width
    assert 2 * true / 1e6 == pytest.approx(mops, rel=0.03)  # the paper counts biases and activations as operations


def test_small_vit_is_the_thesis_student() -> None:
    parameters, dcase, true = counts("small-vit", (128, 100))
    tokens = 12 * 9 + 1
    block = 60 * 180 + 180 + 60 * 60 + 60 + 2 * (60 * 60 + 60) + 4 * 60
    assert 4 * block == 88_800  # SCIENCE: four blocks of width 60 in torchinfo's count
    assert 4 * (tokens * 6 * 60 * 60 + 2 * tokens * tokens * 60) == 15_120_480  # and in torch's
    assert parameters == 103_150
    assert true == 16_579_080 == 15_120_480 + 108 * 15 * 15 * 60 + 600
    assert dcase == 88_800 + 108 * (15 * 15 * 60 + 60) + 2 * 60 + 610


def test_deployable_form_costs_the_same() -> None:
    assert counts("tiny-ast-deploy", (128, 100)) == counts("small-vit", (128, 100))


def test_large_vit_is_the_thesis_teacher() -> None:
    parameters, _, true = counts("large-vit", (128, 100))
    assert parameters == 85_345_546
    assert true == 108 * 256 * 768 + 12 * (109 * 12 * 768 * 768 + 2 * 109 * 109 * 768) + 7_680


def test_passt_differs_from_large_vit_by_its_codes_and_tokens() -> None:
    # 85,345,546 is ViT-B/16 with 109 joint codes; split codes are 12 + 9 + 2 tokens', and there is one more token and
    # one more LayerNorm.
    split = counts("passt", (128, 100))[0]
    assert split == 85_345_546 + 768 * (12 + 9 + 2 - 109 + 1 + 2) == 85_281_802
    assert counts("ast", (128, 100))[0] == 85_345_546 + 768 * (1 + 1 + 2)


def test_medium_vit_and_mobile_vit_are_in_their_range() -> None:
    assert 5e6 < counts("medium-vit", (128, 100))[0] < 8e6
    parameters, dcase, true = counts("mobile-vit", (128, 100))
    assert parameters < 128_000 and dcase < 30e6 and true < 30e6


@pytest.mark.parametrize(("name", "million"), [("mn04", "0.98"), ("mn10", "4.88")])
def test_mobilenets_have_the_published_size_with_527_classes(name: str, million: str) -> None:
    assert f"{counts(name, (128, 1000), classes=527)[0] / 1e6:.2f}" == million


def test_cp_resnet_large_by_hand() -> None:
    # ρ = 8 of Koutini et al. 2020: after block 1 (3×3, 1×1) the next eight convolutions are 3×3, the rest 1×1.
    sizes = [(128, 128)] * 8 + [(128, 256)] + [(256, 256)] * 7 + [(256, 512)] + [(512, 512)] * 7
    kernels = [3, 1, *[3] * 8, *[1] * 14]
    total = 25 * 128 + 2 * 128 + 512 * 10 + 2 * 10
    total += sum(a * b * k * k + 2 * b for (a, b), k in zip(sizes, kernels, strict=True))
    total += 128 * 256 + 2 * 256 + 256 * 512 + 2 * 512  # shortcuts
    assert counts("cp-resnet-large", (256, 43))[0] == total


def test_variants_stand_for_registered_models() -> None:
    assert {variant.model for variant in VARIANTS.values()} <= set(model_names()) - set(VARIANTS)
    assert set(VARIANTS) <= set(model_names())
    assert not set(VARIANTS) & {"ds-cnn", "cp-mobile"}


def test_arguments_win_over_those_of_a_variant() -> None:
    assert counts("bc-resnet-8", (40, 101), tau=1, classes=12) == counts("bc-resnet-1", (40, 101))


EXPORTED = [(name, shape, arguments) for name, shape, arguments, *_ in CONVOLUTIONAL] + [
    ("ds-cnn-l", (49, 10), {}),
    ("small-vit", (128, 100), {"positions": "none"}),
    ("tiny-ast-deploy", (128, 100), {"positions": "learned"}),
    ("mobile-vit", (128, 100), {}),
    ("mn04", (128, 100), {}),
]


@pytest.mark.parametrize(("name", "shape", "arguments"), EXPORTED)
def test_check_budget_counts_the_exported_file_alike(
    name: str, shape: tuple[int, int], arguments: dict[str, object], tmp_path: Path
) -> None:
    from edgekit.budget.counting import count
    from edgekit.graph.readers.load import load_graph
    from edgekit.train.onnx_export import export_module

    torch.manual_seed(0)
    export_module(build_model(name, **arguments), shape, tmp_path / "m.onnx", {})
    tallies = count(load_graph(tmp_path / "m.onnx"), plan=False).tallies
    found = [tallies[key].quantity for key in ("parameters", "macs_dcase", "macs_true")]
    assert [int(quantity.value) if quantity else None for quantity in found] == list(counts(name, shape, **arguments))


def test_fixed_codes_are_stored_as_constants(tmp_path: Path) -> None:
    from edgekit.budget.counting import count
    from edgekit.graph.readers.load import load_graph
    from edgekit.train.onnx_export import export_module

    export_module(build_model("small-vit"), (128, 100), tmp_path / "m.onnx", {})
    tallies = count(load_graph(tmp_path / "m.onnx"), plan=False).tallies
    assert tallies["parameters"].known == 103_150 + 108 * 60
    assert tallies["macs_true"].known == 16_579_080
