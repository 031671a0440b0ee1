"""``.pt2`` files (torch.export) into a Graph of the ``aten`` dialect, without torch.

Operators are "aten.NAME" without their overload. Inputs are the tensor arguments, in the order of :data:`SLOTS` where
the operator is there ("" for an absent one), else as the file has them; other arguments are attributes by the names of
ATen's schemas. Parameters and buffers are constants whose payload is not read; their sizes are held against the
archive's entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadConfigError, BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BUFFERS_KEY
from edgekit.graph.readers.limits import MAX_NODES, MAX_TENSORS, check_dims
from edgekit.graph.readers.pt2_archive import MEND, Archive
from edgekit.graph.readers.pt2_symbols import read_dim
from edgekit.graph.tensor import DTYPES, Tensor, Unknown

DTYPE_NUMBERS: Mapping[int, str] = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    10: "complex64", 12: "bool", 13: "bfloat16", 28: "uint16", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""torch's ScalarType in exported programs."""

_MODULE = ("input", "weight", "bias")
_MATRICES = ("self", "other")
SLOTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((f"aten.conv{n}d" for n in (1, 2, 3)), _MODULE),
    **dict.fromkeys((f"aten.conv_transpose{n}d" for n in (1, 2, 3)), _MODULE),
    **dict.fromkeys(("aten.convolution", "aten.linear", "aten.layer_norm", "aten.group_norm"), _MODULE),
    **dict.fromkeys(("aten.native_layer_norm", "aten.native_group_norm"), _MODULE),
    **dict.fromkeys(("aten.batch_norm", "aten.instance_norm"), (*_MODULE, "running_mean", "running_var")),
    "aten._native_batch_norm_legit_no_training": (*_MODULE, "running_mean", "running_var"),
    "aten.rms_norm": ("input", "weight"), "aten.prelu": ("self", "weight"), "aten.embedding": ("weight", "indices"),
    "aten.addmm": ("mat1", "mat2", "self"), "aten.baddbmm": ("batch1", "batch2", "self"), "aten.mm": ("self", "mat2"),
    "aten.bmm": ("self", "mat2"), "aten.matmul": _MATRICES, "aten.mv": ("self", "vec"), "aten.dot": ("self", "tensor"),
    "aten.scaled_dot_product_attention": ("query", "key", "value", "attn_mask"),
    **dict.fromkeys(("aten.lstm", "aten.gru", "aten.rnn_tanh", "aten.rnn_relu"), ("input", "params", "hx")),
    "aten.stft": ("self", "window"),
}  # fmt: skip
"""Operator to its tensor arguments in the order that counting rules expect."""

_SENSELESS = (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError, RecursionError)
"""What values of the wrong kind raise when they are read as an exported program."""


def read_pt2(path: Path | str, dims: Mapping[str, int] | None = None) -> Graph:
    """Read an exported program.

    Args:
        path: the file.
        dims: sizes by symbol ("s77") of its unknown dimensions.

    Raises:
        BadFileError: not a .pt2 file, damaged, inconsistent, or beyond a limit.
        UnsupportedOpError: an element type that edgekit does not know.
        BadConfigError: ``dims`` names a symbol that the program has not, or a size below 1.
    """
    place = Path(path)
    try:
        with Archive(place) as archive:
            folder, program = archive.description()
            if not isinstance(program, dict) or "graph_module" not in program:
                raise BadFileError("its description is no exported program")
            weights = archive.json(f"{folder}data/weights/model_weights_config.json") if folder else None
            graph = _Program(program["graph_module"], place.stem, dims or {}).graph()
            if weights is not None:
                _check_weights(archive, folder, weights, program["graph_module"]["signature"], graph)
            archive.check_sums()
            _check_names(graph, program, dims or {})
            return graph
    except _SENSELESS as error:
        raise BadFileError("its description makes no sense", where=str(place), mend=MEND) from error
    except BadFileError as error:
        inside = error.where and not error.where.startswith(str(place))
        spot = f"{place}: {error.where}" if inside else error.where or str(place)
        raise BadFileError(error.what, where=spot, mend=error.mend or MEND) from error


class _Program:
    """One pass over the description."""

    def __init__(self, module: Any, name: str, dims: Mapping[str, int]) -> None:
        self._graph = module["graph"]
        self._signature = module["signature"]
        self._name = name
        self._dims = dims
        if len(self._graph["nodes"]) > MAX_NODES or len(self._graph["tensor_values"]) > MAX_TENSORS:
            raise BadFileError(f"more than {MAX_NODES} nodes or {MAX_TENSORS} tensors")

    def graph(self) -> Graph:
        stored, buffers = self._stored()
        tensors = {
            name: self._tensor(name, meta, name in stored) for name, meta in self._graph["tensor_values"].items()
        }
        nodes = tuple(self._node(index, node) for index, node in enumerate(self._graph["nodes"]))
        inputs = [_name(item["as_tensor"]) for item in self._graph["inputs"] if "as_tensor" in item]
        outputs = [_name(item["as_tensor"]) for item in self._graph["outputs"] if "as_tensor" in item]
        if not outputs:
            raise BadFileError("hands out no tensor")
        return Graph(
            name=self._name,
            dialect="aten",
            tensors=tensors,
            nodes=nodes,
            inputs=tuple(name for name in inputs if name not in stored),
            outputs=tuple(outputs),
            metadata={BUFFERS_KEY: "\n".join(sorted(buffers))},
        )

    def _stored(self) -> tuple[set[str], set[str]]:
        """Names of graph inputs that are in the file, and those of them that are no parameters."""
        stored, buffers = set(), set()
        for spec in self._signature["input_specs"]:
            for kind in ("parameter", "buffer", "tensor_constant"):
                if kind in spec:
                    name = _name(spec[kind]["arg"])
                    stored.add(name)
                    if kind != "parameter":
                        buffers.add(name)
        return stored, buffers

    def _tensor(self, name: str, meta: Any, constant: bool) -> Tensor:
        number = meta["dtype"]
        if number not in DTYPE_NUMBERS:
            raise UnsupportedOpError(f"element type number {number}", where=name, mend="export in float32 or int8")
        shape = tuple(read_dim(size, self._dims) for size in meta["sizes"])
        check_dims([dim if isinstance(dim, int) else -1 for dim in shape], name)
        if any(isinstance(dim, int) and dim < 0 for dim in shape):
            raise BadFileError(f"negative dimension in {shape}", where=name)
        return Tensor(name, shape, DTYPE_NUMBERS[number], constant=constant)

    def _node(self, index: int, node: Any) -> Node:
        op = _op(node["target"])
        arguments = {item["name"]: item["arg"] for item in node["inputs"]}
        slots = SLOTS.get(op, tuple(arguments))
        names: list[str] = []
        attrs: dict[str, Any] = {}
        for key in (*slots, *(key for key in arguments if key not in slots)):
            tensors = _tensors(arguments.get(key))
            if key in slots and (tensors is not None or op in SLOTS):
                names += tensors if tensors is not None else [""]
                if tensors is not None and len(tensors) != 1:
                    attrs[f"{key}_count"] = len(tensors)
            elif tensors is not None:
                names += tensors
            elif key in arguments:
                attrs[key] = _plain(arguments[key])
        outputs = [name for item in node["outputs"] for name in _tensors(item) or ()]
        return Node(op, f"{op.rpartition('.')[2]}_{index}", tuple(names), tuple(outputs), attrs)


def _name(value: Any) -> str:
    name = value["name"]
    if not isinstance(name, str) or not name:
        raise BadFileError("a tensor's name is not text")
    return name


def _op(target: Any) -> str:
    """The name of an operator without its overload, which packed sequences keep: "aten.conv2d", "aten.lstm.data"."""
    if not isinstance(target, str):
        raise BadFileError("an operator's name is not text")
    parts = target.removeprefix("torch.ops.").split(".")
    if parts[0] != "aten" or len(parts) < 2:
        return ".".join(parts[:2])
    return ".".join(parts[:3] if parts[2:] == ["data"] else parts[:2])


def _tensors(argument: Any) -> list[str] | None:
    """Names of an argument that is one tensor or several, "" for one that is absent; None for any other argument."""
    if not isinstance(argument, dict):
        return None
    if "as_tensor" in argument:
        return [_name(argument["as_tensor"])]
    if "as_tensors" in argument:
        return [_name(item) for item in argument["as_tensors"]]
    if "as_optional_tensors" in argument:
        return [_name(item["as_tensor"]) if "as_tensor" in item else "" for item in argument["as_optional_tensors"]]
    if "as_optional_tensor" in argument:
        inner = argument["as_optional_tensor"]
        return [_name(inner["as_tensor"])] if "as_tensor" in inner else [""]
    return None


def _plain(argument: Any) -> Any:
    """A number, text, or tuple of numbers; the text of its kind for anything else."""
    ((kind, value),) = argument.items()
    if kind in ("as_int", "as_float", "as_bool", "as_string"):
        return value if isinstance(value, int | float | str) else f"<{kind}>"
    if kind in ("as_ints", "as_floats", "as_bools", "as_strings"):
        return tuple(item for item in value if isinstance(item, int | float | str))
    return None if kind == "as_none" else f"<{kind}>"


def _check_weights(archive: Archive, folder: str, table: Any, signature: Any, graph: Graph) -> None:
    """Every parameter and buffer is in the archive, as long as its shape says.

    Raises:
        BadFileError: one is missing, or of another size.
    """
    for spec in signature["input_specs"]:
        for kind in ("parameter", "buffer"):
            if kind not in spec:
                continue
            tensor = graph.tensor(_name(spec[kind]["arg"]))
            key = spec[kind][f"{kind}_name"]
            if kind == "buffer" and not spec[kind].get("persistent", True):
                continue
            entry = table["config"].get(key)
            if entry is None or entry.get("use_pickle"):
                raise BadFileError(f"the weights of {key!r} are missing", where=tensor.name)
            sizes = tuple(read_dim(size, {}) for size in entry["tensor_meta"]["sizes"])
            found = archive.size(f"{folder}data/weights/{entry['path_name']}")
            needed = prod(tensor.dims) * DTYPES[tensor.dtype]
            # Several tensors may be views of one stored piece, which is then longer.
            if sizes != tensor.shape or found is None or found < needed:
                raise BadFileError(f"the weights of {key!r} do not fit {tensor.shape}", where=tensor.name)


def _check_names(graph: Graph, program: Any, dims: Mapping[str, int]) -> None:
    known = {str(name) for name in program.get("range_constraints") or {}}
    known |= {dim.name for tensor in graph.tensors.values() for dim in tensor.shape if isinstance(dim, Unknown)}
    for name, size in dims.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none: it is static"
            raise BadConfigError(f"the model has no dimension {name!r}", mend=f"its unknown dimensions are {listed}")
        if size < 1:
            raise BadConfigError(f"dimension {name!r} cannot be {size}", mend="give a positive number")
