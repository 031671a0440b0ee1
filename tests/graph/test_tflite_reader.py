"""TFLite files: the reference models against LiteRT, and files that are damaged or hostile."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
import tflite
from tflite_files import Op, Sub, Value, model_bytes

from edgekit.core.errors import BadFileError, EdgekitError
from edgekit.graph.passes.lower import lower
from edgekit.graph.planner import plan_memory
from edgekit.graph.readers.tflite_reader import read_tflite

REFERENCE = ["kws_ref_model.tflite", "kws_ref_model_float32.tflite", "ad01_int8.tflite"]


@pytest.fixture
def kws(models_root):
    return (models_root / "kws_ref_model.tflite").read_bytes()


def read_bytes(data, folder, name="model.tflite"):
    path = folder / name
    path.write_bytes(data)
    return read_tflite(path)


@pytest.mark.parametrize("name", REFERENCE)
def test_tensors_are_those_that_litert_sees(models_root, name):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(str(models_root / name))
    graph = read_tflite(models_root / name)
    for details in interpreter.get_tensor_details():
        tensor = graph.tensors.get(details["name"])
        if tensor is None:  # LiteRT adds temporaries of its own
            continue
        assert tensor.dims == tuple(details["shape"])
        assert tensor.dtype == np.dtype(details["dtype"]).name
        scales = details["quantization_parameters"]["scales"]
        if len(scales):
            np.testing.assert_array_equal(tensor.quant.scale, scales)
            np.testing.assert_array_equal(tensor.quant.zero_point, details["quantization_parameters"]["zero_points"])
        if tensor.data is not None:
            np.testing.assert_array_equal(tensor.data, interpreter.get_tensor(details["index"]))
    assert [graph.tensor(n).dims for n in graph.inputs] == [tuple(d["shape"]) for d in interpreter.get_input_details()]
    assert [node.op for node in graph.nodes] == [
        step["op_name"] for step in interpreter._get_ops_details() if step["op_name"] != "DELEGATE"
    ]


def test_options_are_plain_values(models_root):
    graph = read_tflite(models_root / "kws_ref_model.tflite")
    first = graph.nodes[0].attrs
    assert (first["padding"], first["stride_h"], first["dilation_h_factor"]) == ("SAME", 2, 1)
    assert first["fused_activation_function"] == "RELU"
    assert graph.nodes[-1].attrs == {"beta": 1.0}
    assert graph.metadata == {"min_runtime_version": "1.5.0"}


def test_a_dynamic_signature_over_a_concrete_shape_is_static(models_root):
    graph = read_tflite(models_root / "kws_ref_model.tflite")
    assert graph.tensor("input_1").shape == (1, 49, 10, 1)


def test_same_padding_of_the_reference_model_in_numbers(models_root):
    # 49×10 with a window 10×4 and stride 2: 24·2 + 10 − 49 = 9 rows, 4·2 + 4 − 10 = 2 columns.
    graph = lower(read_tflite(models_root / "kws_ref_model.tflite"))
    assert graph.nodes[0].attrs["pad"] == ((4, 5), (1, 1))
    assert graph.nodes[1].attrs["pad"] == ((1, 1), (1, 1))
    assert [node.op for node in graph.nodes][-4:] == ["avg_pool2d", "reshape", "fully_connected", "softmax"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"12345678", "not a TFLite model"),
        (b"\0\0\0\0TFL3", "damaged"),
        (b"\xff\xff\xff\xffTFL3", "damaged"),
        (b"this is a text file, not a model at all", "not a TFLite model"),
    ],
)
def test_files_that_are_no_models(tmp_path, data, message):
    with pytest.raises(BadFileError, match=message) as caught:
        read_bytes(data, tmp_path)
    assert "\n" not in str(caught.value) and "(" in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(BadFileError, match="no such file"):
        read_tflite(tmp_path / "none.tflite")
    with pytest.raises(BadFileError, match="not a file"):
        read_tflite(tmp_path)
    with pytest.raises(BadFileError, match="no such file"):
        read_tflite("a\0b.tflite")


def test_a_subgraph_that_is_not_there(models_root):
    with pytest.raises(BadFileError, match="no subgraph 3"):
        read_tflite(models_root / "kws_ref_model.tflite", subgraph=3)


def test_every_truncation_is_an_error(kws, tmp_path):
    # What flatbuffers needs lies at both ends of this file; its last four bytes are padding.
    for length in [*range(8, 200, 7), *range(200, len(kws), 1733), len(kws) - 5]:
        with pytest.raises(BadFileError):
            read_bytes(kws[:length], tmp_path)


def patched(data, position, fmt, value):
    copy = bytearray(data)
    struct.pack_into(fmt, copy, position, value)
    return bytes(copy)


def tensor_table(data, index):
    return tflite.Model.GetRootAs(data, 0).Subgraphs(0).Tensors(index)


def slot(table, number):
    """Position of a field's value in the file."""
    return table._tab.Pos + table._tab.Offset(number)


@pytest.mark.parametrize(
    ("value", "message"), [(-7, "negative dimension"), (2**31 - 1, "elements"), (0, "do not fit"), (63, "do not fit")]
)
def test_impossible_dimensions_of_a_weight(kws, tmp_path, value, message):
    table = tensor_table(kws, 18)
    with pytest.raises(BadFileError, match=message):
        read_bytes(patched(kws, table._tab.Vector(table._tab.Offset(4)), "<i", value), tmp_path)


def test_minus_one_in_the_shape_itself_is_unknown_and_the_batch_is_bound(kws, tmp_path):
    table = tensor_table(kws, 0)
    start = table._tab.Vector(table._tab.Offset(4))
    graph = read_bytes(patched(kws, start, "<i", -1), tmp_path)
    assert not graph.tensor("input_1").static
    assert str(graph.tensor("input_1").shape[0]) == "batch"
    assert lower(graph).tensor("input_1").dims == (1, 49, 10, 1)
    with pytest.raises(EdgekitError, match=r"--dim input_1:1=…"):
        lower(read_bytes(patched(kws, start + 4, "<i", -1), tmp_path))


def test_a_shape_that_contradicts_the_operator_is_an_error(kws, tmp_path):
    table = tensor_table(kws, 22)
    data = patched(kws, table._tab.Vector(table._tab.Offset(4)) + 4, "<i", 24)
    with pytest.raises(BadFileError, match="the file says"):
        lower(read_bytes(data, tmp_path))


def test_buffer_and_tensor_indices_out_of_range(kws, tmp_path):
    with pytest.raises(BadFileError, match="buffer 60000"):
        read_bytes(patched(kws, slot(tensor_table(kws, 18), 8), "<I", 60_000), tmp_path)
    subgraph = tflite.Model.GetRootAs(kws, 0).Subgraphs(0)
    activation = subgraph.Operators(0).Outputs(0)
    with pytest.raises(BadFileError, match="buffer 60000"):
        read_bytes(patched(kws, slot(tensor_table(kws, activation), 8), "<I", 60_000), tmp_path)
    inputs = subgraph._tab.Vector(subgraph._tab.Offset(6))
    for value in (5_000, -2):
        with pytest.raises(BadFileError, match="does not exist"):
            read_bytes(patched(kws, inputs, "<i", value), tmp_path)


@pytest.mark.parametrize("length", [2**31, 2**32 - 1, 10**6])
def test_vectors_that_claim_to_be_huge(kws, tmp_path, length):
    subgraph = tflite.Model.GetRootAs(kws, 0).Subgraphs(0)
    table = tensor_table(kws, 18)
    scales = table.Quantization()
    places = [
        subgraph._tab.Vector(subgraph._tab.Offset(4)) - 4,
        subgraph._tab.Vector(subgraph._tab.Offset(10)) - 4,
        table._tab.Vector(table._tab.Offset(4)) - 4,
        scales._tab.Vector(scales._tab.Offset(8)) - 4,
    ]
    for place in places:
        start = time.process_time()
        with pytest.raises(BadFileError):
            read_bytes(patched(kws, place, "<I", length), tmp_path)
        assert time.process_time() - start < 2


def test_a_cycle_is_an_error(kws, tmp_path):
    operator = tflite.Model.GetRootAs(kws, 0).Subgraphs(0).Operators(0)
    data = patched(kws, operator._tab.Vector(operator._tab.Offset(6)), "<i", 34)  # reads the model's output
    with pytest.raises(BadFileError, match="cycle"):
        read_bytes(data, tmp_path)


def test_weights_without_scales_are_refused(kws, tmp_path):
    table = tensor_table(kws, 18).Quantization()
    data = patched(kws, table._tab.Vector(table._tab.Offset(8)), "<f", float("nan"))
    with pytest.raises(BadFileError, match="not a positive number"):
        read_bytes(data, tmp_path)


@pytest.mark.parametrize("name", REFERENCE[::2])
def test_mutated_files_end_in_a_graph_or_a_clear_error(models_root, tmp_path, mutate, name):
    data = (models_root / name).read_bytes()
    read = 0
    for seed in range(200):
        start = time.process_time()
        try:
            plan_memory(lower(read_bytes(mutate(data, seed), tmp_path)))
            read += 1
        except EdgekitError as error:
            assert "\n" not in str(error)
        assert time.process_time() - start < 2
    assert 0 < read < 200  # both ends are reached


def test_a_computed_tensor_with_contents_of_its_own_is_refused(tmp_path):
    """LiteRT: "Attempting to resize a fixed-size tensor", for it takes such a tensor for a constant."""
    path = tmp_path / "m.tflite"
    for held in (None, np.ones((1, 4))):
        values = [Value("x", (1, 4)), Value("y", (1, 4), data=held)]
        path.write_bytes(model_bytes(Sub(values, [Op("RELU", ("x",), ("y",))], ("x",), ("y",))))
        if held is None:
            assert [node.op for node in read_tflite(path).nodes] == ["RELU"]
        else:
            with pytest.raises(BadFileError, match="tensor y is computed, and has contents of its own"):
                read_tflite(path)
