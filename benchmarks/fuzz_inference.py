"""onnx' shape inference asked about random nodes of every operator, each behind edgekit's own check.

    python benchmarks/fuzz_inference.py [--nodes 500000] [--seed 1]

onnx answers in C++, in the process of ``edgekit check-budget``. Nodes have random attributes of the right type, random
ranks, constants, absent inputs, and more or fewer outputs. Children ask; when one dies of a signal (the end of a clock
of 5 s is one), its last node is a trap. Exit code 1 where edgekit's check lets a trap through.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, TypeProto, defs, helper, numpy_helper, shape_inference
from results_file import write_results

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.readers.onnx_inference import dim_of
from edgekit.graph.readers.onnx_traps import check_node
from edgekit.graph.tensor import Shape

OPSETS = (11, 12, 13, 14, 17, 18, 19, 20, 21, 22)
SECONDS, BYTES, BATCH = 5, 4 << 30, 400
_NUMBERS = (-3, -1, 0, 1, 2, 3, 4, 7, 100, 2**31 - 1, 2**40)
_TEXTS = (
    *("", "NOTSET", "SAME_UPPER", "VALID", "reverse", "bidirectional", "constant", "linear", "DCR", "CRD"),
    *("ij,jk->ik", "...i,ij", "i", "iii->i", "->", "i->zz", "abc,cd", "...", "..,i->..", "..i->i", "...."),
)


@dataclass(frozen=True)
class Question:
    """A node and what is known about its inputs."""

    op: str
    version: int
    proto: Any
    types: dict[str, Any]
    data: dict[str, Any]

    def shape(self, name: str) -> Shape | None:
        """As edgekit's reader knows it."""
        kind = self.types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        return tuple(dim_of(dim) for dim in kind.tensor_type.shape.dim)

    def refused(self) -> bool:
        """Whether edgekit does not ask onnx."""
        attrs = {item.name: _plain(helper.get_attribute_value(item)) for item in self.proto.attribute}
        node = Node(self.op, "n", tuple(self.proto.input), tuple(self.proto.output), attrs)
        try:
            check_node(node, self)
        except BadFileError:
            return True
        return False

    def ask(self) -> None:
        """Let onnx answer; what it raises is an answer."""
        schema, opset = defs.get_schema(self.op, self.version, ""), [helper.make_operatorsetid("", self.version)]
        try:
            shape_inference.infer_node_outputs(schema, self.proto, self.types, self.data, opset_imports=opset)
        except Exception:
            return


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return tuple(value) if isinstance(value, list) else value


def questions(draw: random.Random) -> Iterator[Question]:
    """Random questions without end."""
    names = sorted({schema.name for schema in defs.get_all_schemas() if schema.domain == "" and not schema.deprecated})
    while True:
        op, version = draw.choice(names), draw.choice(OPSETS)
        if not defs.has(op, version, ""):
            continue
        schema = defs.get_schema(op, version, "")
        if schema.deprecated or not schema.has_type_and_shape_inference_function:
            continue
        question = _question(draw, op, version, schema)
        if question is not None:
            yield question


def _question(draw: random.Random, op: str, version: int, schema: Any) -> Question | None:
    wanted = [key for key, item in schema.attributes.items() if item.required or draw.random() < 0.7]
    values = {key: _attribute(draw, schema.attributes[key].type) for key in wanted}
    if None in values.values():
        return None
    inputs = [
        f"i{i}" if draw.random() < 0.93 else "" for i in range(_count(draw, schema.min_input, schema.max_input, 8))
    ]
    outputs = [f"o{i}" for i in range(max(1, _count(draw, schema.min_output, schema.max_output, 5)))]
    try:
        proto = helper.make_node(op, inputs, outputs, name="n", **values)
    except (TypeError, ValueError):
        return None
    types: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for name in filter(None, inputs):
        _know(draw, name, types, data)
    return Question(op, version, proto, types, data)


def _count(draw: random.Random, least: int, most: int, limit: int) -> int:
    low, high = min(least, limit), min(most, limit)
    return draw.randint(low, max(low, high)) if draw.random() < 0.9 else draw.randint(0, limit + 1)


def _attribute(draw: random.Random, kind: Any) -> Any:
    types = defs.OpSchema.AttrType
    if kind == types.INT:
        return draw.choice(_NUMBERS)
    if kind == types.INTS:
        return [draw.choice((0, 1, 2, 3, -1, 5)) for _ in range(draw.choice((0, 1, 2, 2, 3, 4, 4, 6, 9)))]
    if kind == types.FLOAT:
        return draw.choice((0.0, 1.0, -1.0, float("nan")))
    if kind == types.FLOATS:
        return [1.0] * draw.randint(0, 4)
    if kind == types.STRING:
        return draw.choice(_TEXTS)
    if kind == types.STRINGS:
        return ["a"] * draw.randint(0, 2)
    if kind == types.TENSOR:
        return numpy_helper.from_array(np.ones(draw.choice(((), (1,), (2,), (2, 2))), np.float32))
    return None


def _know(draw: random.Random, name: str, types: dict[str, Any], data: dict[str, Any]) -> None:
    """A float tensor of random shape, a constant list of integers, or nothing known."""
    luck = draw.random()
    if luck < 0.6:
        dims = [draw.choice((1, 2, 3, 4, 5, None)) for _ in range(draw.choice((0, 1, 2, 3, 3, 4, 4, 5)))]
        types[name] = helper.make_tensor_type_proto(TensorProto.FLOAT, dims)
    elif luck < 0.9:
        values = [draw.choice((0, 1, 2, -1, 3, 5, 100)) for _ in range(draw.choice((0, 1, 1, 2, 3, 4, 8)))]
        array = np.array(values, np.int64)
        types[name] = helper.make_tensor_type_proto(TensorProto.INT64, list(array.shape))
        data[name] = numpy_helper.from_array(array, name)
    else:
        types[name] = TypeProto() if luck < 0.95 else helper.make_tensor_type_proto(TensorProto.FLOAT, None)


def traps(batch: list[Question]) -> Iterator[tuple[Question, int]]:
    """Questions of a batch that end a child, with the signal."""
    first = 0
    while first < len(batch):
        reached, number = _child(batch, first)
        if number == 0:
            return
        yield batch[reached], number
        first = reached + 1


def _child(batch: list[Question], first: int) -> tuple[int, int]:
    """(the last question that a child came to, the signal that ended it or 0)."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        for place in range(first, len(batch)):
            os.write(write, place.to_bytes(4, "little"))
            signal.alarm(SECONDS)
            batch[place].ask()
        os._exit(0)
    os.close(write)
    last = b"\0" * 4
    while found := os.read(read, 1 << 16):
        last = found[-4:]
    os.close(read)
    _, status = os.waitpid(pid, 0)
    return int.from_bytes(last, "little"), os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def measured(nodes: int, seed: int) -> list[dict[str, Any]]:
    """A row an operator and signal: how many nodes were traps, and how many of these edgekit would have asked about."""
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    source = questions(random.Random(seed))
    for start in range(0, nodes, BATCH):
        batch = [next(source) for _ in range(min(BATCH, nodes - start))]
        for question, number in traps(batch):
            row = found[question.op, signal.Signals(number).name]
            row[0] += 1
            row[1] += not question.refused()
    return [
        {"operator": op, "signal": name, "traps": count, "let_through": through}
        for (op, name), (count, through) in sorted(found.items())
    ]


def main() -> int:
    """Ask, print, write; 1 where a trap is let through."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows = measured(arguments.nodes, arguments.seed)
    write_results("fuzz_inference", rows, nodes=arguments.nodes, seed=arguments.seed)
    return int(any(row["let_through"] for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
