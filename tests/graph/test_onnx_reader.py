"""ONNX files: shapes, names, external data, and files that are damaged or hostile."""

from __future__ import annotations

import os
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.core.errors import BadConfigError, BadFileError, EdgekitError, UnsupportedOpError
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.onnx_reader import OPSET_KEY, read_onnx
from edgekit.graph.tensor import Unknown

node = helper.make_node


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(folder, nodes, inputs=None, outputs=None, initializers=(), name="m.onnx", **options):
    graph = helper.make_graph(
        nodes, "g", inputs or [info("x", [1, 4])], outputs or [info("y", None)], initializer=list(initializers)
    )
    options.setdefault("opset_imports", [helper.make_opsetid("", 17)])
    model = helper.make_model(graph, ir_version=8, **options)
    (folder / name).write_bytes(model.SerializeToString())
    return folder / name


def external(folder, location, length=64, offset=0, kind=TensorProto.FLOAT, dims=(4, 4)):
    proto = TensorProto(name="w", data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": str(offset), "length": str(length)}.items():
        proto.external_data.add(key=key, value=value)
    return save(folder, [node("MatMul", ["x", "w"], ["y"])], initializers=[proto])


def test_shapes_types_attributes_and_metadata(tmp_path):
    weights = np.ones((4, 1, 3, 3), np.float32)
    nodes = [node("Conv", ["x", "w"], ["c"], name="stem", strides=[2, 2], auto_pad="VALID"), node("Relu", ["c"], ["y"])]
    path = save(tmp_path, nodes, [info("x", [1, 1, 9, 7])], initializers=[numpy_helper.from_array(weights, "w")])
    model = onnx.load(path)
    model.metadata_props.add(key="edgekit.labels", value='["a", "b"]')
    onnx.save(model, path)
    graph = read_onnx(path)
    assert graph.tensor("y").dims == (1, 4, 4, 3)
    assert graph.tensor("w").constant and graph.tensor("w").data.flags.writeable is False
    assert graph.nodes[0].attrs == {"strides": (2, 2), "auto_pad": "VALID"}
    assert [item.name for item in graph.nodes] == ["stem", "Relu_1"]
    assert graph.metadata == {"edgekit.labels": '["a", "b"]', OPSET_KEY: "17"}
    assert OPSET_KEY not in lower(graph).metadata


def test_unknown_dimensions_keep_their_symbol_and_can_be_bound(tmp_path):
    path = save(tmp_path, [node("Relu", ["x"], ["y"])], [info("x", ["batch", 40, "time", None])])
    graph = read_onnx(path)
    assert graph.tensor("x").shape == (Unknown("batch"), 40, Unknown("time"), Unknown("x:3"))
    bound = read_onnx(path, {"batch": 1, "time": 65, "x:3": 2})
    assert bound.tensor("y").dims == (1, 40, 65, 2)
    assert not read_onnx(path, {"batch": 1}).tensor("y").static


@pytest.mark.parametrize(
    ("dims", "message"), [({"tmie": 3}, "no dimension 'tmie'.*time"), ({"time": 0}, "cannot be 0")]
)
def test_bad_bindings_name_the_dimensions_that_there_are(tmp_path, dims, message):
    path = save(tmp_path, [node("Relu", ["x"], ["y"])], [info("x", [1, "time"])])
    with pytest.raises(BadConfigError, match=message):
        read_onnx(path, dims)


def test_reshape_targets_computed_in_the_graph_give_shapes(tmp_path):
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Concat", ["n", "rest"], ["t"], axis=0),
        node("Reshape", ["x", "t"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([-1, 3], np.int64), "rest"),
    ]
    path = save(tmp_path, nodes, [info("x", ["batch", 6, 5])], initializers=constants)
    assert read_onnx(path, {"batch": 1}).tensor("y").dims == (1, 10, 3)


def test_unknown_operators_and_domains_are_kept(tmp_path):
    nodes = [node("Strange", ["x"], ["a"]), node("Gelu", ["a"], ["y"], domain="com.microsoft", beta=1.5)]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = read_onnx(save(tmp_path, nodes, opset_imports=imports))
    assert [item.op for item in graph.nodes] == ["Strange", "com.microsoft::Gelu"]
    assert not graph.tensor("a").static


def test_constant_nodes_are_constants(tmp_path):
    nodes = [
        node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones((1, 4), np.float32))),
        node("Constant", [], ["d"], value_float=2.0),
        node("Add", ["x", "c"], ["a"]),
        node("Mul", ["a", "d"], ["y"]),
    ]
    graph = read_onnx(save(tmp_path, nodes))
    assert [item.op for item in graph.nodes] == ["Add", "Mul"]
    assert graph.tensor("d").data == np.float32(2)


def test_local_functions_are_inlined(tmp_path):
    function = helper.make_function(
        "own", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    path = save(tmp_path, [node("Twice", ["x"], ["y"], domain="own")], functions=[function], opset_imports=imports)
    assert [item.op for item in read_onnx(path).nodes] == ["Add"]


def test_functions_that_multiply_or_call_themselves_are_refused(tmp_path):
    own, imports = [helper.make_opsetid("", 17)], [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]

    def function(name, callee):
        calls = [node(callee, ["a"], [f"b{i}"], domain="own" if callee != "Relu" else "") for i in range(20)]
        return helper.make_function("own", name, ["a"], ["b0"], calls, [*own, helper.make_opsetid("own", 1)])

    bomb = [function(f"f{i}", f"f{i - 1}" if i else "Relu") for i in range(12)]
    path = save(tmp_path, [node("f11", ["x"], ["y"], domain="own")], functions=bomb, opset_imports=imports)
    start = time.process_time()
    with pytest.raises(BadFileError, match="expand to more"):
        read_onnx(path)
    assert time.process_time() - start < 2
    path = save(
        tmp_path, [node("f", ["x"], ["y"], domain="own")], functions=[function("f", "f")], opset_imports=imports
    )
    with pytest.raises(BadFileError, match="calls itself"):
        read_onnx(path)


@pytest.mark.parametrize("data", [b"", b"just some text\n" * 40, b"\x08\x07", b"\0" * 64, bytes(range(256))])
def test_files_that_are_no_models(tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(BadFileError) as caught:
        read_onnx(path)
    assert "\n" not in str(caught.value) and "again)" in str(caught.value)


def test_a_truncated_model_is_an_error(tmp_path):
    weights = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    whole = save(tmp_path, [node("MatMul", ["x", "w"], ["y"])], initializers=[weights]).read_bytes()
    path = tmp_path / "cut.onnx"
    for length in range(1, len(whole) - 4, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(BadFileError):
            read_onnx(path)


def test_inconsistent_graphs_are_errors(tmp_path):
    cases = {
        "cycle": [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), node("Add", ["x", "b"], ["y"])],
        "two producers": [node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"])],
        "does not exist": [node("Add", ["x", "ghost"], ["y"])],
        "made by no node": [node("Relu", ["x"], ["z"])],
    }
    for message, nodes in cases.items():
        with pytest.raises(BadFileError, match=f"{message}|inference"):
            read_onnx(save(tmp_path, nodes))


def test_two_initializers_of_one_name_are_an_error(tmp_path):
    twice = [numpy_helper.from_array(np.ones(4, np.float32), "w")] * 2
    with pytest.raises(BadFileError, match="two initializers"):
        read_onnx(save(tmp_path, [node("Add", ["x", "w"], ["y"])], initializers=twice))


@pytest.mark.parametrize("dims", [(2**40, 2**40), (-1, 4), (4, 5), (1,) * 9, (0, 2**62)])
def test_weights_whose_shape_does_not_fit_their_data(tmp_path, dims):
    proto = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    del proto.dims[:]
    proto.dims.extend(dims)
    typed = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, float_data=[1.0] * 16)
    for item in (proto, typed):
        with pytest.raises(BadFileError):
            read_onnx(save(tmp_path, [node("MatMul", ["x", "w"], ["y"])], initializers=[item]))


def test_element_types_that_are_not_known(tmp_path):
    imports = [helper.make_opsetid("", 19)]
    path = save(tmp_path, [node("Cast", ["x"], ["a"], to=17), node("Cast", ["a"], ["y"], to=1)], opset_imports=imports)
    with pytest.raises(UnsupportedOpError, match="float8e4m3fn"):
        read_onnx(path)


def test_external_data_beside_the_model_is_read(tmp_path):
    values = np.arange(24, dtype=np.float32)
    (tmp_path / "w.bin").write_bytes(values.tobytes())
    graph = read_onnx(external(tmp_path, "w.bin", offset=16))
    np.testing.assert_array_equal(graph.tensor("w").data, values[4:20].reshape(4, 4))


@pytest.mark.parametrize(
    ("location", "length", "offset", "message"),
    [
        ("../w.bin", 64, 0, "leaves the model's folder"),
        ("/etc/hostname", 64, 0, "leaves the model's folder"),
        ("sub/../../w.bin", 64, 0, "leaves"),
        ("..\\w.bin", 64, 0, "leaves"),
        ("", 64, 0, "leaves"),
        ("none.bin", 64, 0, "cannot be read"),
        ("link.bin", 64, 0, "symbolic link"),
        ("linked/w.bin", 64, 0, "symbolic link"),
        ("hard.bin", 64, 0, "no plain file of its own"),
        ("folder", 64, 0, "no plain file"),
        ("short.bin", 64, 0, "too short"),
        ("w.bin", 64, 100, "too short"),
        ("w.bin", 2**62, 0, "too short"),
        ("w.bin", -64, 0, "too short"),
        ("w.bin", 60, 0, "bytes of data expected"),
    ],
)
def test_external_data_never_leaves_the_folder_or_the_file(tmp_path, location, length, offset, message):
    inside = tmp_path / "model"
    (inside / "folder").mkdir(parents=True)
    (tmp_path / "w.bin").write_bytes(bytes(128))
    (inside / "w.bin").write_bytes(bytes(128))
    (inside / "short.bin").write_bytes(bytes(63))
    (inside / "link.bin").symlink_to(tmp_path / "w.bin")
    (inside / "linked").symlink_to(tmp_path)
    os.link(tmp_path / "w.bin", inside / "hard.bin")
    with pytest.raises(BadFileError, match=message):
        read_onnx(external(inside, location, length, offset))


def test_an_attribute_cannot_name_a_file(tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(64))
    proto = TensorProto(data_type=TensorProto.FLOAT, dims=(1,), data_location=TensorProto.EXTERNAL)
    proto.external_data.add(key="location", value="w.bin")
    path = save(tmp_path, [node("ConstantOfShape", ["s"], ["y"], value=proto)], [info("s", [1], TensorProto.INT64)])
    with pytest.raises(BadFileError, match="external data"):
        read_onnx(path)


def test_mutated_files_end_in_a_graph_or_a_clear_error(tmp_path, mutate):
    random = np.random.default_rng(0)
    constants = {"w": random.normal(size=(4, 1, 3, 3)), "v": random.normal(size=(5, 64)), "b": random.normal(size=5)}
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["a"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1]),
        node("Reshape", ["p", "t"], ["f"]),
        node("Gemm", ["f", "v", "b"], ["y"], transB=1),
    ]
    initializers = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    initializers.append(numpy_helper.from_array(np.array([1, -1], np.int64), "t"))
    data = save(tmp_path, nodes, [info("x", [1, 1, 8, 8])], initializers=initializers).read_bytes()
    path, read = tmp_path / "mutated.onnx", 0
    for seed in range(400):
        path.write_bytes(mutate(data, seed))
        start = time.process_time()
        try:
            lower(read_onnx(path))
            read += 1
        except EdgekitError as error:
            assert "\n" not in str(error)
        assert time.process_time() - start < 2
    assert 0 < read < 400
