"""Suggestions: every figure is that of the model built with the changed arguments by torch, or quantized by edgekit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from budget_models import conv_onnx

from edgekit.api.check_budget import check_budget
from edgekit.budget.counting import count
from edgekit.budget.sketch_graph import sketch_graph
from edgekit.budget.toml import Budget
from edgekit.core.errors import BadConfigError
from edgekit.core.verdict import ModelVerdict, Suggestion
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.readers.load import load_graph
from edgekit.models.sketches.registry import SKETCHES

torch = pytest.importorskip("torch")

KWS, ASC = PRESETS["kws-mfcc-49x10"], PRESETS["dcase2024-baseline"]
DESIGNS: dict[str, tuple[str, dict[str, Any], FrontendSpec]] = {
    "reference DS-CNN": ("ds-cnn", {"classes": 12}, KWS),
    "DS-CNN with a head": (
        "ds-cnn",
        {
            "classes": 10,
            "channels": [64, 64, 96, 128],
            "stem_kernel": [5, 5],
            "block_strides": [[2, 2], 1, [2, 1]],
            "head_kernel": [3, 1],
        },
        PRESETS["kws-logmel-40"],
    ),
    "CP-Mobile baseline": ("cp-mobile", {"classes": 10}, ASC),
    "DS-CNN with levels": ("ds-cnn", {"classes": 10, "peak_range": 2.5}, PRESETS["kws-logmel-40"]),
    "CP-Mobile with GRN": ("cp-mobile-14k", {"classes": 10}, ASC),
    "BC-ResNet": ("bc-resnet", {"classes": 12, "tau": 1.5}, PRESETS["kws-logmel-40"]),
    "CP-ResNet": ("cp-resnet", {"classes": 10}, ASC),
    "large CP-ResNet": ("cp-resnet-large", {"classes": 10, "base_channels": 32}, ASC),
    "TF-SepNet": ("tf-sepnet", {"classes": 10}, ASC),
    "TF-SepNet-64": ("tf-sepnet-64", {"classes": 10}, ASC),
    "Tiny-AST": ("tiny-ast", {"classes": 10}, PRESETS["thesis-128x100"]),
    "deployable Tiny-AST": (
        "tiny-ast-deploy",
        {"classes": 12, "distillation": True, "positions": "learned", "input_shape": [40, 101], "patch": 8},
        PRESETS["kws-logmel-40"],
    ),
    "MobileViT": ("mobile-vit", {"classes": 10}, ASC),
    "MobileViT on odd maps": ("mobile-vit", {"classes": 10, "norm": "batch", "activation": "relu"}, KWS),
    "small CP-Mobile": ("cp-mobile", {"classes": 5, "base_channels": 16, "blocks": [2, 2], "strides": {"2": 2}}, KWS),
}
KEYS = ("parameters", "parameter_bytes_true", "parameter_bytes_dcase", "macs_true", "macs_dcase", "peak_ram", "flash")


def exported(folder: Path, name: str, arguments: Mapping[str, Any], spec: FrontendSpec) -> Path:
    from edgekit.models.registry import build_model
    from edgekit.train.onnx_export import export_module

    metadata = {
        "edgekit.model": json.dumps({"name": name, "arguments": dict(arguments)}),
        "edgekit.frontend": spec.canonical(),
        "edgekit.frontend_digest": spec.digest,
    }
    path = folder / f"{name}.onnx"
    export_module(build_model(name, **arguments), spec.feature_shape, path, metadata)
    return path


def totals(graph: Graph) -> dict[str, int]:
    tallies = count(graph).tallies
    assert not [tallies[key].reasons for key in KEYS if tallies[key].reasons]
    return {key: tallies[key].known for key in KEYS}


def judged(path: Path, **limits: float) -> ModelVerdict:
    (verdict,) = check_budget(path, Budget("mine", limits, "a test")).models
    return verdict


def by_remedy(verdict: ModelVerdict) -> dict[str, Suggestion]:
    return {suggestion.remedy: suggestion for suggestion in verdict.suggestions}


def figures(suggestion: Suggestion) -> dict[str, float]:
    return {key: quantity.value for key, quantity in suggestion.quantities.items()}


def test_every_registered_model_is_sketched_or_gets_no_suggestion() -> None:
    from edgekit.models.registry import model_names

    assert set(SKETCHES) <= set(model_names())


@pytest.mark.parametrize("case", DESIGNS)
def test_a_sketch_counts_as_the_exported_model(case: str, tmp_path: Path) -> None:
    name, arguments, spec = DESIGNS[case]
    graph = load_graph(exported(tmp_path, name, arguments, spec))
    drawn, actual = totals(sketch_graph(name, arguments, spec.feature_shape, "batch norm")), totals(graph)
    # The exporter's arithmetic on shapes may add kinds of operators, for which the estimate of flash allows 1,024 B.
    more = actual.pop("flash") - drawn.pop("flash")
    assert drawn == actual
    assert more in (0, 1024)


def test_the_golden_baseline_is_drawn() -> None:
    """Published: 61,148 parameters and 29,419,156 multiply-accumulates."""
    drawn = totals(sketch_graph("cp-mobile", {"classes": 10}, (256, 65), "batch norm"))
    assert (drawn["parameters"], drawn["macs_dcase"]) == (61_148, 29_419_156)


def test_a_narrower_width_has_the_figures_of_the_model_built_with_it(tmp_path: Path) -> None:
    verdict = judged(exported(tmp_path, "ds-cnn", {"classes": 12}, KWS), parameter_bytes=60_000, macs=1_500_000)
    width = by_remedy(verdict)["width"]
    assert width.change == "channels 64 → 44"
    built = totals(load_graph(exported(tmp_path, "ds-cnn", {"classes": 12, "channels": 44}, KWS)))
    expected = {"parameters": built["parameters"], "parameter_bytes": built["parameter_bytes_true"]}
    assert figures(width) == {**expected, "macs": built["macs_true"]}
    wider = totals(load_graph(exported(tmp_path, "ds-cnn", {"classes": 12, "channels": 48}, KWS)))
    assert wider["macs_true"] > 1_500_000, "the next wider one does not fit"


def test_a_stride_has_the_figures_of_the_model_built_with_it(tmp_path: Path) -> None:
    verdict = judged(exported(tmp_path, "cp-mobile", {"classes": 10}, ASC), macs=20_000_000)
    stride = by_remedy(verdict)["stride"]
    number, _, pair = stride.change.removeprefix("stride of block ").partition(" [1, 1] → ")
    strides = {"3": [1, 2], "4": [2, 1], number: json.loads(pair)}
    built = totals(load_graph(exported(tmp_path, "cp-mobile", {"classes": 10, "strides": strides}, ASC)))
    assert figures(stride)["macs"] == built["macs_true"] <= 20_000_000


def test_fewer_mel_bins_and_frames_have_the_figures_of_that_front_end(tmp_path: Path) -> None:
    verdict = judged(exported(tmp_path, "cp-mobile", {"classes": 10}, ASC), macs=20_000_000)
    found = by_remedy(verdict)
    assert found["mel bins"].change == "mel_bins 256 → 160"
    smaller = ASC.replace(mel_bins=160)
    built = totals(load_graph(exported(tmp_path, "cp-mobile", {"classes": 10}, smaller)))
    assert figures(found["mel bins"])["macs"] == built["macs_true"] <= 20_000_000
    hop = int(found["frames"].change.split(" → ")[1].split(" ")[0])
    built = totals(load_graph(exported(tmp_path, "cp-mobile", {"classes": 10}, ASC.replace(hop_length=hop))))
    assert figures(found["frames"])["macs"] == built["macs_true"] <= 20_000_000


@pytest.mark.parametrize("case", ["reference DS-CNN", "CP-Mobile with GRN", "BC-ResNet", "CP-ResNet", "TF-SepNet-64"])
def test_int8_has_the_figures_of_the_quantized_model(case: str, tmp_path: Path) -> None:
    import numpy as np

    from edgekit.export.tflite_writer import write_tflite
    from edgekit.graph.passes.lower import lower
    from edgekit.quantize.ptq import quantize_graph

    name, arguments, spec = DESIGNS[case]
    path = exported(tmp_path, name, arguments, spec)
    float_bytes = totals(load_graph(path))["parameter_bytes_true"]
    int8 = by_remedy(judged(path, parameter_bytes=float_bytes / 2, peak_ram=2_000_000, float_ops=0))["int8"]
    lowered = lower(load_graph(path))
    clips = np.random.default_rng(0).normal(size=(2, *spec.feature_shape, 1)).astype(np.float32)
    write_tflite(quantize_graph(lowered, clips), tmp_path / "m.tflite")
    built = totals(load_graph(tmp_path / "m.tflite"))
    # The file stores equal constants once, a scalar here and a vector of axes there: values that a sketch has not.
    assert 0 <= figures(int8)["parameter_bytes"] - built["parameter_bytes_true"] <= 0.01 * built["parameter_bytes_true"]
    assert figures(int8)["macs"] == built["macs_true"]
    assert figures(int8)["peak_ram"] == built["peak_ram"]
    assert figures(int8)["float_ops"] == 0


def test_both_together_where_neither_is_enough(tmp_path: Path) -> None:
    path = exported(tmp_path, "cp-mobile", {"classes": 10}, ASC)
    found = by_remedy(judged(path, parameter_bytes=40_000))
    assert "int8" not in found
    assert found["width and int8"].change.endswith("and int8 (edgekit quantize)")
    assert figures(found["width and int8"])["parameter_bytes"] <= 40_000


def test_a_budget_out_of_reach_gets_no_suggestion(tmp_path: Path) -> None:
    assert judged(exported(tmp_path, "ds-cnn", {"classes": 12}, KWS), macs=10).suggestions == ()


def test_a_model_that_passes_gets_none(tmp_path: Path) -> None:
    assert judged(exported(tmp_path, "ds-cnn", {"classes": 12}, KWS), macs=10_000_000).suggestions == ()


@pytest.mark.parametrize(
    "claim",
    [
        '{"name": "ds-cnn", "arguments": {"classes": 12}}',  # another model than the file holds
        '{"name": "resnet", "arguments": {}}',
        '{"name": "ds-cnn", "arguments": {"channels": 1e99}}',
        '{"name": "ds-cnn", "arguments": {"channels": [4, 4], "blocks": 999999999}}',
        '{"name": "ds-cnn", "arguments": {"blocks": 64, "channels": 4096}}',
        '{"name": "cp-mobile", "arguments": {"multiplier": 1e308, "blocks": [9, 9, 9]}}',
        '{"name": "cp-mobile", "arguments": {"blocks": "many"}}',
        '{"name": "cp-mobile", "arguments": {"grn": true}}',
        '{"name": 3, "arguments": []}',
        "[" * 5_000,
        "no json",
    ],
)
def test_a_false_claim_of_a_file_gets_none_and_breaks_nothing(claim: str, tmp_path: Path) -> None:
    path = conv_onnx(tmp_path / "m.onnx", metadata={"edgekit.model": claim})
    verdict = judged(path, macs=10)
    assert (verdict.outcome, verdict.suggestions) == ("fail", ())


@pytest.mark.parametrize("arguments", [{"width": 3}, {"channels": True}, {"stem_stride": [1, 2, 3]}])
def test_a_sketch_refuses_what_the_model_refuses(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadConfigError):
        sketch_graph("ds-cnn", arguments, (49, 10), "float")
