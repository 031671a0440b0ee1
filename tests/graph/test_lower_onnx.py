"""Lowering from ONNX, held against ONNX Runtime operator by operator."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgekit.core.errors import BadFileError, UnknownShapeError, UnsupportedOpError
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

node = helper.make_node


def ops(graph):
    return [item.op for item in graph.nodes]


@pytest.mark.parametrize(
    "attrs",
    [
        {"pads": [1, 2, 0, 1], "strides": [2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "VALID", "dilations": [2, 2]},
        {"pads": [2, 2, 2, 2], "dilations": [2, 1], "strides": [3, 2]},
    ],
)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolution_with_every_kind_of_padding(bench, attrs, groups):
    weights = bench.floats(8, 4 // groups, 3, 2)
    nodes = [node("Conv", ["x", "w", "b"], ["y"], group=groups, **attrs)]
    graph = bench.agree(bench.save(nodes, [1, 4, 11, 9], {"w": weights, "b": bench.floats(8)}))
    assert ops(graph) == ["depthwise_conv2d" if groups == 4 else "conv2d"]


def test_convolution_with_groups_that_do_not_fit_is_refused(bench):
    odd = node("Conv", ["x", "w"], ["y"], group=2, name="odd")
    path = bench.save([odd], [1, 4, 5, 5], {"w": bench.floats(5, 2, 1, 1)})
    with pytest.raises(UnsupportedOpError, match=r"odd: Conv with 2 groups.*\(replace"):
        lower(load_graph(path))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
def test_two_activations_with_broadcasting(bench, op):
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("ReduceMean", ["a"], ["m"], axes=[2], keepdims=1),
        node(op, ["m", "a"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node(op, ["c", "c"], ["y"]),
    ]
    graph = bench.agree(bench.save(nodes, [1, 2, 5, 4], {"w": bench.floats(3, 2, 1, 1)}))
    assert ops(graph) == ["conv2d", "mean", op.lower(), op.lower()]
    assert graph.nodes[2].attrs["activation"] == "relu"


FUNCTIONS = {"Sigmoid": "logistic", "Tanh": "tanh", "LeakyRelu": "leaky_relu", "HardSwish": "hard_swish"}


@pytest.mark.parametrize(("op", "edge"), FUNCTIONS.items())
def test_functions_of_one_element(bench, op, edge):
    graph = bench.agree(bench.save([node(op, ["x"], ["y"])], [1, 3, 5, 4], output_rank=4), scale=20.0)
    assert ops(graph) == [edge]


def test_one_dimensional_convolution_and_pool_run_with_height_one(bench):
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[2, 1], strides=[2], dilations=[2]),
        node("MaxPool", ["a"], ["b"], kernel_shape=[3], strides=[2]),
        node("GlobalAveragePool", ["b"], ["c"]),
        node("Flatten", ["c"], ["y"]),
    ]
    bench.agree(bench.save(nodes, [1, 5, 40], {"w": bench.floats(6, 5, 3)}))


def batch_norm_constants(bench, channels):
    return {
        "g": bench.floats(channels, low=0.5, high=1.5),
        "be": bench.floats(channels),
        "m": bench.floats(channels),
        "v": bench.floats(channels, low=0.5, high=2.0),
    }


def test_batch_norm_folds_into_the_convolution_before_it_through_relu_fusion(bench):
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["a", "g", "be", "m", "v"], ["n"]),
        node("Relu", ["n"], ["y"]),
    ]
    constants = {"w": bench.floats(6, 3, 3, 3), **batch_norm_constants(bench, 6)}
    graph = bench.agree(bench.save(nodes, [1, 3, 7, 6], constants))
    assert ops(graph) == ["conv2d"]
    assert graph.nodes[0].attrs["activation"] == "relu"


def test_batch_norm_in_front_folds_forward_only_where_nothing_is_padded(bench):
    constants = {"w": bench.floats(6, 3, 3, 3), **batch_norm_constants(bench, 3)}
    for pads, expected in ([0, 0, 0, 0], ["conv2d"]), ([1, 1, 1, 1], ["depthwise_conv2d", "conv2d"]):
        nodes = [
            node("BatchNormalization", ["x", "g", "be", "m", "v"], ["n"]),
            node("Conv", ["n", "w"], ["y"], pads=pads),
        ]
        assert ops(bench.agree(bench.save(nodes, [1, 3, 7, 6], constants))) == expected


def test_batch_norm_on_a_tensor_that_others_read_stays_a_layer_of_its_own(bench):
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("BatchNormalization", ["a", "g", "be", "m", "v"], ["n"]),
        node("Add", ["a", "n"], ["y"]),
    ]
    constants = {"w": bench.floats(4, 2, 1, 1), **batch_norm_constants(bench, 4)}
    graph = bench.agree(bench.save(nodes, [1, 2, 5, 5], constants))
    assert ops(graph) == ["conv2d", "depthwise_conv2d", "add"]


def test_batch_norm_after_a_flattened_image_folds_into_the_linear_layer(bench):
    nodes = [
        node("Flatten", ["x"], ["f"]),
        node("BatchNormalization", ["f", "g", "be", "m", "v"], ["n"]),
        node("Gemm", ["n", "w", "b"], ["y"], transB=1),
    ]
    constants = {"w": bench.floats(5, 24), "b": bench.floats(5), **batch_norm_constants(bench, 24)}
    assert ops(bench.agree(bench.save(nodes, [1, 4, 3, 2], constants))) == ["fully_connected"]


def test_flattening_an_image_permutes_the_weights_instead_of_the_data(bench):
    nodes = [node("Relu", ["x"], ["r"]), node("Flatten", ["r"], ["f"]), node("Gemm", ["f", "w", "b"], ["y"])]
    graph = bench.agree(bench.save(nodes, [1, 3, 4, 5], {"w": bench.floats(60, 7), "b": bench.floats(7)}))
    assert ops(graph) == ["relu", "fully_connected"]


@pytest.mark.parametrize(
    ("attrs", "weights", "bias"),
    [
        ({"transB": 1, "alpha": 0.5, "beta": 2.0}, (7, 12), (7,)),
        ({}, (12, 7), (1, 7)),
        ({"beta": 0.25}, (12, 7), (1,)),
        ({}, (12, 7), ()),
    ],
)
def test_gemm_variants(bench, attrs, weights, bias):
    constants = {"w": bench.floats(*weights), "b": bench.floats(*bias)}
    bench.agree(bench.save([node("Gemm", ["x", "w", "b"], ["y"], **attrs)], [1, 12], constants))


def test_matmul_and_add_become_one_linear_layer(bench):
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Add", ["b", "a"], ["s"]), node("Relu", ["s"], ["y"])]
    graph = bench.agree(bench.save(nodes, [1, 9, 12], {"w": bench.floats(12, 5), "b": bench.floats(5)}))
    assert [op for op in ops(graph) if op != "reshape"] == ["fully_connected"]


@pytest.mark.parametrize("kind", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("shape", [(11, 8), (12, 9), (7, 6)])
def test_pools_with_padding_and_ceil_mode(bench, kind, ceil_mode, include, shape):
    attrs = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1], "ceil_mode": ceil_mode}
    if kind == "AveragePool":
        attrs["count_include_pad"] = include
    bench.agree(bench.save([node(kind, ["x"], ["y"], **attrs)], [1, 3, *shape], opset=19, output_rank=4))


@pytest.mark.parametrize(("axes", "keep"), [([2, 3], 1), ([2, 3], 0), ([-1], 1), ([1], 1), ([2], 1), ([1, 2, 3], 0)])
@pytest.mark.parametrize("opset", [13, 18])
def test_reduce_mean_over_any_axes(bench, axes, keep, opset):
    if opset == 13:
        nodes, constants = [node("ReduceMean", ["x"], ["y"], axes=axes, keepdims=keep)], {}
    else:
        nodes, constants = [node("ReduceMean", ["x", "a"], ["y"], keepdims=keep)], {"a": np.array(axes, np.int64)}
    path = bench.save(nodes, [1, 3, 4, 5], constants, opset)
    bench.agree(path)


def test_an_output_that_the_layout_cannot_hold_is_transposed(bench):
    # [1,C,H] out of an NHWC image lies in memory as [1,H,C].
    graph = bench.agree(bench.save([node("ReduceMean", ["x"], ["y"], axes=[3], keepdims=0)], [1, 3, 4, 5]))
    assert [item.op for item in graph.nodes][-1] == "transpose"


def test_global_pools(bench):
    for kind in ("GlobalAveragePool", "GlobalMaxPool"):
        graph = bench.agree(bench.save([node(kind, ["x"], ["p"]), node("Flatten", ["p"], ["y"])], [1, 6, 5, 4]))
        assert graph.tensor("y").dims == (1, 6)


def test_arithmetic_with_constants_becomes_one_layer(bench):
    nodes = [
        node("Sub", ["x", "mean"], ["a"]),
        node("Div", ["a", "std"], ["b"]),
        node("Mul", ["two", "b"], ["c"]),
        node("Sub", ["one", "c"], ["y"]),
    ]
    constants = {
        "mean": bench.floats(1, 3, 1, 1),
        "std": bench.floats(3, 1, 1, low=0.5, high=2),
        "two": np.float32(2),
        "one": np.ones(1, np.float32),
    }
    assert ops(bench.agree(bench.save(nodes, [1, 3, 4, 5], constants))) == ["depthwise_conv2d"]


def test_a_constant_of_the_whole_image_is_added_element_by_element(bench):
    bench.agree(bench.save([node("Add", ["x", "c"], ["y"])], [1, 3, 4, 5], {"c": bench.floats(1, 3, 4, 5)}))


def test_addition_broadcasts_activations(bench):
    nodes = [node("GlobalAveragePool", ["x"], ["p"]), node("Add", ["p", "x"], ["y"])]
    assert ops(bench.agree(bench.save(nodes, [1, 3, 4, 5]))) == ["mean", "add"]


@pytest.mark.parametrize("opset", [6, 11, 17])
def test_clip_to_relu6_and_relu(bench, opset):
    if opset == 6:
        nodes = [node("Clip", ["x"], ["a"], min=0.0), node("Clip", ["a"], ["y"], min=0.0, max=6.0)]
        graph = lower(load_graph(bench.save(nodes, [1, 8], opset=opset)))
    else:
        nodes = [node("Clip", ["x", "lo"], ["a"]), node("Clip", ["a", "lo", "hi"], ["y"])]
        graph = bench.agree(bench.save(nodes, [1, 8], {"lo": np.float32(0), "hi": np.float32(6)}, opset), scale=8)
    assert ops(graph) == ["relu", "relu6"]


def test_explicit_padding_folds_into_a_convolution_but_not_into_a_pool(bench):
    constants = {"p": np.array([0, 0, 1, 2, 0, 0, 3, 1], np.int64), "w": bench.floats(4, 2, 3, 3)}
    nodes = [node("Pad", ["x", "p"], ["a"]), node("Conv", ["a", "w"], ["y"], pads=[1, 0, 0, 1])]
    graph = bench.agree(bench.save(nodes, [1, 2, 6, 5], constants))
    assert ops(graph) == ["conv2d"]
    assert graph.nodes[0].attrs["pad"] == ((2, 3), (2, 2))
    nodes = [node("Pad", ["x", "p"], ["a"]), node("AveragePool", ["a"], ["y"], kernel_shape=[4, 4], strides=[2, 2])]
    assert ops(bench.agree(bench.save(nodes, [1, 2, 6, 5], constants))) == ["pad", "avg_pool2d"]


def test_pad_over_named_axes(bench):
    constants = {"p": np.array([1, 2, 0, 3], np.int64), "z": np.float32(0), "a": np.array([-1, 1], np.int64)}
    bench.agree(bench.save([node("Pad", ["x", "p", "z", "a"], ["y"])], [1, 2, 4, 5], constants, opset=18))


def test_transposes_reshapes_and_squeezes_vanish(bench):
    nodes = [
        node("Conv", ["x", "w"], ["c"]),  # [1,4,1,6]
        node("Squeeze", ["c", "two"], ["s"]),  # [1,4,6]
        node("Transpose", ["s"], ["t"], perm=[0, 2, 1]),  # [1,6,4]
        node("MatMul", ["t", "m"], ["q"]),  # [1,6,3]
        node("Transpose", ["q"], ["u"], perm=[0, 2, 1]),  # [1,3,6]
        node("Unsqueeze", ["u", "two"], ["v"]),  # [1,3,1,6]
        node("Relu", ["v"], ["r"]),
        node("GlobalAveragePool", ["r"], ["g"]),
        node("Reshape", ["g", "target"], ["y"]),
    ]
    constants = {
        "w": bench.floats(4, 2, 5, 1),
        "m": bench.floats(4, 3),
        "two": np.array([2], np.int64),
        "target": np.array([0, -1], np.int64),
    }
    graph = bench.agree(bench.save(nodes, [1, 2, 5, 6], constants))
    assert [op for op in ops(graph) if op != "reshape"] == ["conv2d", "fully_connected", "mean"]


def test_a_transposition_that_moves_data_is_an_operator(bench):
    nodes = [node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2], name="swap"), node("Conv", ["t", "w"], ["y"], name="c")]
    graph = bench.agree(bench.save(nodes, [1, 2, 5, 6], {"w": bench.floats(2, 2, 3, 3)}))
    assert [op for op in ops(graph) if op != "reshape"] == ["transpose", "conv2d"]


def test_channel_shuffle_is_one_transpose_between_reshapes(bench):
    constants = {"five": np.array([1, 3, 2, 5, 4]), "four": np.array([1, 6, 5, 4]), "w": bench.floats(3, 6, 1, 1)}
    nodes = [
        node("Reshape", ["x", "five"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]),
        node("Reshape", ["b", "four"], ["c"]),
        node("Conv", ["c", "w"], ["y"]),
    ]
    graph = bench.agree(bench.save(nodes, [1, 6, 5, 4], constants))
    assert ops(graph) == ["reshape", "transpose", "reshape", "conv2d"]


def test_division_by_a_norm(bench):
    nodes = [
        node("Mul", ["x", "x"], ["a"]),
        node("ReduceMean", ["a"], ["b"], axes=[1, 3], keepdims=1),
        node("Add", ["b", "eps"], ["c"]),
        node("Sqrt", ["c"], ["d"]),
        node("Div", ["x", "d"], ["y"]),
    ]
    constants = {"eps": np.array(1e-3, np.float32)}
    graph = bench.agree(bench.save(nodes, [1, 3, 5, 4], constants, output_rank=4))
    assert ops(graph) == ["mul", "mean", "depthwise_conv2d", "rsqrt", "mul"]


@pytest.mark.parametrize("reduce", ["ReduceL2", "ReduceSum"])
def test_global_response_norm(bench, reduce):
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("ReduceL2", ["r"], ["a"], axes=[2, 3], keepdims=1),
        node("ReduceMean", ["a"], ["b"], axes=[1], keepdims=1),
        node("Add", ["b", "eps"], ["c"]),
        node("Div", ["a", "c"], ["d"]),
        node("Mul", ["x", "d"], ["y"]),
    ]
    if reduce == "ReduceSum":
        nodes[1] = node("ReduceSum", ["r", "axes"], ["a"], keepdims=1)
    constants = {"eps": np.array(1e-6, np.float32), "axes": np.array([2, 3])}
    graph = bench.agree(bench.save(nodes, [1, 3, 5, 4], constants, output_rank=4))
    assert "rsqrt" in ops(graph)


def test_division_by_what_may_be_negative_is_refused(bench):
    nodes = [node("Conv", ["x", "w"], ["a"]), node("Div", ["x", "a"], ["y"], name="quotient")]
    with pytest.raises(UnsupportedOpError, match="quotient: Div by an activation that may be negative"):
        lower(load_graph(bench.save(nodes, [1, 2, 5, 4], {"w": bench.floats(2, 2, 1, 1)}, output_rank=4)))


def test_split_slice_and_concat(bench):
    constants = {
        "s": np.array([-3, 1]), "e": np.array([2**31, 4]), "axes": np.array([-1, 2]), "step": np.array([2, 1]),
        "w": bench.floats(2, 4, 1, 1),
    }  # fmt: skip
    nodes = [
        node("Split", ["x"], ["a", "b"], axis=1),
        node("Sigmoid", ["a"], ["g"]),
        node("Concat", ["b", "g"], ["c"], axis=1),
        node("Slice", ["c", "s", "e", "axes", "step"], ["d"]),
        node("Conv", ["d", "w"], ["y"]),
    ]
    graph = bench.agree(bench.save(nodes, [1, 4, 5, 6], constants))
    assert ops(graph) == ["slice", "slice", "logistic", "concat", "slice", "conv2d"]
    assert graph.nodes[4].attrs == {"begin": (0, 1, 3, 0), "size": (1, 3, 2, 4), "stride": (1, 1, 2, 1)}


def test_norm_of_sub_bands_is_a_scale_for_each_band(bench):
    constants = {
        "split": np.array([1, 6, 2, 5]), "back": np.array([1, 3, 4, 5]), "w": bench.floats(3, 2, 1, 1),
        **batch_norm_constants(bench, 6),
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("Reshape", ["a", "split"], ["b"]),
        node("BatchNormalization", ["b", "g", "be", "m", "v"], ["c"]),
        node("Reshape", ["c", "back"], ["y"]),
    ]
    graph = bench.agree(bench.save(nodes, [1, 2, 4, 5], constants, output_rank=4))
    assert ops(graph) == ["conv2d", *["slice", "depthwise_conv2d"] * 2, "concat"]
    assert graph.nodes[2].inputs and graph.tensor(graph.nodes[2].inputs[1]).dims == (1, 1, 1, 3)


def test_input_that_is_nhwc_already_keeps_its_layout(bench):
    nodes = [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("Conv", ["t", "w"], ["y"])]
    path = bench.save(nodes, [1, 6, 5, 3], {"w": bench.floats(4, 3, 2, 2)})
    graph = lower(load_graph(path))
    assert graph.tensor("x").dims == (1, 6, 5, 3)
    assert ops(graph) == ["conv2d"]


def test_shape_arithmetic_of_exporters_folds_away(bench):
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axis"], ["n1"]),
        node("Slice", ["s", "one", "four"], ["rest"]),
        node("ReduceProd", ["rest"], ["k"], keepdims=1),
        node("Cast", ["k"], ["k7"], to=7),
        node("Concat", ["n1", "k7"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["f"]),
        node("Gemm", ["f", "w"], ["y"], transB=1),
    ]
    constants = {
        "zero": np.array(0, np.int64),
        "axis": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "four": np.array([4], np.int64),
        "w": bench.floats(3, 24),
    }
    assert ops(bench.agree(bench.save(nodes, [1, 2, 3, 4], constants))) == ["fully_connected"]


def test_dropout_identity_and_dead_branches_vanish(bench):
    nodes = [
        node("Identity", ["x"], ["a"]),
        node("Dropout", ["a"], ["b"]),
        node("Relu", ["a"], ["unused"]),
        node("Relu", ["b"], ["y"]),
    ]
    assert ops(bench.agree(bench.save(nodes, [1, 8]))) == ["relu"]


def test_softmax_over_the_channels_of_an_image(bench):
    graph = bench.agree(bench.save([node("Softmax", ["x"], ["y"], axis=1)], [1, 5, 2, 3]))
    assert graph.nodes[-1].attrs == {"beta": 1.0}


def test_unknown_operator_is_named_with_layer_and_cure(bench):
    path = bench.save([node("Hardmax", ["x"], ["y"], name="block1/choice")], [1, 8])
    with pytest.raises(UnsupportedOpError) as caught:
        lower(load_graph(path))
    text = str(caught.value)
    assert "block1/choice" in text and "Hardmax" in text and "replace the layer" in text and "\n" not in text


def test_unknown_dimensions_ask_for_the_option(bench):
    path = bench.save([node("Relu", ["x"], ["y"])], ["batch", 1, 40, "time"])
    with pytest.raises(UnknownShapeError, match=r"--dim batch=….*time=…"):
        lower(load_graph(path))
    assert lower(load_graph(path, {"batch": 1, "time": 7})).tensor("x").dims == (1, 40, 7, 1)


def test_a_batch_other_than_one_is_refused(bench):
    with pytest.raises(UnsupportedOpError, match="batch is 4"):
        lower(load_graph(bench.save([node("Relu", ["x"], ["y"])], [4, 8])))


def test_weights_that_are_not_finite_are_refused(bench):
    weights = bench.floats(4, 8)
    weights[1, 2] = np.nan
    with pytest.raises(BadFileError, match="not a number"):
        lower(load_graph(bench.save([node("Gemm", ["x", "w"], ["y"], transB=1)], [1, 8], {"w": weights})))


def test_a_graph_of_the_edge_dialect_passes_unchanged(bench):
    graph = lower(load_graph(bench.save([node("Relu", ["x"], ["y"])], [1, 8])))
    assert lower(graph) is graph


def test_an_output_called_like_a_tensor_inside_is_no_obstacle(bench):
    import onnx

    path = bench.save([node("Relu", ["x"], ["a"], name="n"), node("Sigmoid", ["a"], ["y"])], [1, 3, 4, 5])
    model = onnx.load(path)
    model.graph.node[1].output[0] = model.graph.output[0].name = "n:0"
    onnx.save(model, path)
    assert bench.agree(path).outputs == ("n:0",)


def test_a_constant_of_higher_rank_gives_its_rank(bench):
    # PyTorch's exporter folds a first state of zeros into a constant [1, 1, H] and adds frames [1, H] to it.
    nodes = [
        node("Add", ["x", "w"], ["s"]),
        node("Concat", ["s", "s"], ["c"], axis=0),
        node("Transpose", ["c"], ["t"], perm=[1, 0, 2]),
        node("Flatten", ["t"], ["y"]),
    ]
    bench.agree(bench.save(nodes, [1, 6], {"w": bench.floats(1, 1, 6)}))


def test_many_copies_are_a_gather(bench):
    nodes = [
        node("ReduceMean", ["x"], ["m"], axes=[2], keepdims=1),
        node("Tile", ["m", "times"], ["t"]),
        node("Concat", ["x", "t"], ["c"], axis=1),
        node("Flatten", ["c"], ["y"]),
    ]
    graph = bench.agree(bench.save(nodes, [1, 3, 40], {"times": np.array([1, 1, 40])}))
    assert "gather" in [item.op for item in graph.nodes]


def test_more_copies_than_memory_holds(bench):
    path = bench.save([node("Tile", ["x", "times"], ["y"])], [1, 3, 40], {"times": np.array([1, 2**8, 2**8])})
    with pytest.raises(UnsupportedOpError, match="copies"):
        lower(load_graph(path))
