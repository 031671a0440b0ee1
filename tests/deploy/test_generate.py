"""Generated sources: deterministic, safe, refusing what does not belong together, checked by C and C++ compilers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError, UnsupportedOpError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY, LABELS_KEY
from edgekit.deploy.c.public_header import float_literal
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import write_files
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, find_toolchain
from edgekit.deploy.with_frontend import choose_frontend
from edgekit.features.presets import PRESETS
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor

HOST = find_target("cpu")
SPEC = PRESETS["kws-mfcc-49x10"]


def _graph(name: str = "tiny", metadata: dict[str, str] | None = None) -> Graph:
    builder = Builder(np.random.default_rng(0), (1, 49, 10, 1))
    builder.conv2d(3, (3, 3), stride=(4, 4), activation="relu")
    pooled = builder.activation("pooled", (1, 3))
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    return builder.graph(metadata=metadata or {}).replace(name=name)


def _compile(sources: Sources, folder: Path, driver: str) -> subprocess.CompletedProcess[bytes]:
    """Build with a main(), warnings as errors, and run it."""
    write_files(sources.files, folder)
    (folder / "main.c").write_text(driver)
    names = sorted(path.name for path in folder.glob("*.c"))
    compiler = find_toolchain(HOST)
    compiler.run([*COMMON_FLAGS, "-Werror", "-Wpedantic", "-Wconversion", *names, "-o", "program"], folder)
    return subprocess.run([folder / "program"], capture_output=True, check=False)


def test_text_is_deterministic() -> None:
    first, second = (generate(_graph(), SPEC, HOST, "tiny") for _ in range(2))
    assert dict(first.files) == dict(second.files)
    assert first.manifest == second.manifest


def test_no_heap_no_float_no_library_in_the_model() -> None:
    text = generate(_graph(), None, HOST, "tiny").files["tiny_model.c"]
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("/*", "*")))
    for forbidden in ("malloc", "float", "double", "math.h", "stdlib.h", "printf"):
        assert forbidden not in code


@pytest.mark.parametrize("name", ['x; system("touch owned")', "int", "9kws", "Ünïcödé", "*/ int main(void);", "a\\\nb"])
def test_hostile_model_names_and_labels_compile_to_harmless_text(name: str, tmp_path: Path) -> None:
    labels = [name, 'quote " and \\ and ??/', "日本語"]
    graph = _graph(name, {LABELS_KEY: json.dumps(labels)})
    renamed = [node.replace(name=f"{node.name} {name} */") for node in graph.nodes]
    sources = generate(graph.rebuild(renamed), None, HOST)
    macro = sources.name.upper()
    driver = (
        f'#include <stdio.h>\n#include "{sources.name}.h"\nint main(void) {{\n'
        f"for (int i = 0; i < {macro}_LABEL_COUNT; i++) {{ puts({sources.name}_labels[i]); }}\nreturn 0; }}\n"
    )
    done = _compile(sources, tmp_path, driver)
    assert done.stdout.decode("utf-8") == "".join(f"{label}\n" for label in labels)
    assert not (tmp_path / "owned").exists()


_CHECKS = """
#include <string.h>
#include "tiny.h"
static tiny_state state, blank;
#define EXPECT(code, call) if ((call) != (code)) { return __LINE__; }
int main(void) {
    int8_t in[TINY_INPUT_SIZE];
    int8_t out[TINY_OUTPUT_SIZE];
    tiny_result result;
    int16_t pcm[16] = {0};
    memset(in, 0, sizeof in);
    EXPECT(TINY_ERROR_NULL, tiny_init(NULL))
    EXPECT(TINY_OK, tiny_init(&state))
    EXPECT(TINY_ERROR_NULL, tiny_invoke(NULL, in, out))
    EXPECT(TINY_ERROR_NULL, tiny_invoke(&state, NULL, out))
    EXPECT(TINY_ERROR_NULL, tiny_invoke(&state, in, NULL))
    EXPECT(TINY_ERROR_STATE, tiny_invoke(&blank, in, out))
    EXPECT(TINY_OK, tiny_invoke(&state, in, out))
    EXPECT(TINY_ERROR_LENGTH, tiny_invoke_checked(&state, in, sizeof in - 1, out, sizeof out))
    EXPECT(TINY_ERROR_LENGTH, tiny_invoke_checked(&state, in, sizeof in, out, sizeof out + 1))
    EXPECT(TINY_OK, tiny_invoke_checked(&state, in, sizeof in, out, sizeof out))
    EXPECT(TINY_ERROR_NULL, tiny_push(&state, NULL, 1, &result))
    EXPECT(TINY_ERROR_NULL, tiny_push(&state, pcm, 1, NULL))
    EXPECT(TINY_ERROR_NULL, tiny_push(NULL, pcm, 1, &result))
    EXPECT(TINY_ERROR_STATE, tiny_push(&blank, pcm, 16, &result))
    EXPECT(TINY_OK, tiny_push(&state, pcm, 16, &result))
    if (result.ready != 0 || result.consumed != 16) { return __LINE__; }
    EXPECT(TINY_OK, tiny_push(&state, NULL, 0, &result))
    return 0;
}
"""


def test_error_codes(tmp_path: Path) -> None:
    done = _compile(generate(_graph(), SPEC, HOST, "tiny"), tmp_path, _CHECKS)
    assert done.returncode == 0, f"line {done.returncode} of the driver"


@pytest.mark.skipif(shutil.which("g++") is None, reason="install g++ to check the header as C++")
def test_header_is_cpp_too(tmp_path: Path) -> None:
    write_files(generate(_graph(), SPEC, HOST, "tiny").files, tmp_path)
    (tmp_path / "user.cpp").write_text('#include "tiny.h"\nint main() { tiny_state s; return tiny_init(&s); }\n')
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-c", "user.cpp"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_digest_of_another_frontend_is_refused() -> None:
    graph = _graph(metadata={FRONTEND_DIGEST_KEY: "sha256:" + "0" * 64})
    with pytest.raises(DigestMismatchError):
        generate(graph, SPEC, HOST, "tiny")
    assert generate(graph, None, HOST, "tiny").manifest["frontend_digest"] == "sha256:" + "0" * 64


def test_frontend_of_another_shape_is_refused() -> None:
    with pytest.raises(BadConfigError, match="49, 10"):
        generate(_graph(), PRESETS["dcase2023"], HOST, "tiny")


def test_the_frontend_that_travels_in_the_model_is_taken() -> None:
    graph = _graph(metadata={FRONTEND_KEY: SPEC.canonical(), FRONTEND_DIGEST_KEY: SPEC.digest})
    chosen = choose_frontend(graph, None)
    assert chosen == SPEC
    assert choose_frontend(graph, "none") is None
    assert SPEC.digest in generate(graph, chosen, HOST, "tiny").files["tiny.h"]


@pytest.mark.parametrize("labels", ["[", '{"a": 1}', '["a"]', "[1, 2, 3]", "[" * 100_000])
def test_damaged_labels_are_refused(labels: str) -> None:
    with pytest.raises(BadFileError):
        generate(_graph(metadata={LABELS_KEY: labels}), None, HOST, "tiny")


def test_float_and_foreign_graphs_are_refused() -> None:
    source = Tensor("x", (1, 4), "float32")
    graph = Graph(
        "float", "edge", {"x": source, "y": source.replace(name="y")}, (Node("relu", "relu", ("x",), ("y",)),),
        ("x",), ("y",),
    )  # fmt: skip
    with pytest.raises(UnsupportedOpError, match="edgekit quantize"):
        generate(graph, None, HOST, "tiny")
    with pytest.raises(UnsupportedOpError):
        generate(graph.replace(dialect="onnx"), None, HOST, "tiny")


def test_an_accumulator_that_can_overflow_is_refused() -> None:
    graph = _graph()
    bias = next(name for name, tensor in graph.tensors.items() if tensor.dtype == "int32")
    huge = graph.tensor(bias).replace(data=np.full(3, 2**31 - 1, dtype=np.int32))
    with pytest.raises(UnsupportedOpError, match="overflow"):
        generate(graph.replace(tensors={**graph.tensors, bias: huge}), None, HOST, "tiny")


@pytest.mark.parametrize("value", [1.0, 0.1, 1 / 3, 1e-38, 3.4e38, 0.0039215689])
def test_float_literals_read_back_to_the_same_bits(value: float) -> None:
    assert np.float32(float_literal(value).removesuffix("f")) == np.float32(value)
