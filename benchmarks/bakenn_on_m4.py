"""bakenn's C for the keyword spotter, with the CMSIS-NN that its package brings, in the same firmware on the same core.

bakenn 1.0 refuses the public file: its batch is open and it knows no softmax. It gets the same layers with a fixed
batch, written by edgekit, without the softmax (some 3,000 instructions); edgekit's own rows compute it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.sizes import image_sizes
from edgekit.deploy.generate import generate
from edgekit.deploy.project import Image, project_files
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, CROSS_GCC, Toolchain, find_toolchain
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

RUNTIME = "bakenn 1.0 + its CMSIS-NN, arm-none-eabi-gcc -O2, compiled here without softmax"

_CONFIG = """\
#include "bknn_kws.h"
typedef struct {
    _Alignas(16) uint8_t arena[BKNN_KWS_ARENA_SIZE];
    int8_t input[BKNN_KWS_INPUT_BYTES];
} peer_state;
int peer_invoke(peer_state *state, const int8_t *in, int8_t *out);
static inline int peer_init(peer_state *state) { return state == 0; }
static inline int8_t *peer_input(peer_state *state) { return state->input; }
#define EDGEKIT_MODEL_STATE peer_state
#define EDGEKIT_MODEL_INIT peer_init
#define EDGEKIT_MODEL_INPUT peer_input
#define EDGEKIT_MODEL_INVOKE peer_invoke
#define EDGEKIT_MODEL_INPUT_SIZE BKNN_KWS_INPUT_SIZE
#define EDGEKIT_MODEL_OUTPUT_SIZE BKNN_KWS_OUTPUT_SIZE
#define EDGEKIT_MODEL_HAS_FRONTEND 0
"""

_INVOKE = """\
#include "model_config.h"
int peer_invoke(peer_state *state, const int8_t *in, int8_t *out) {
    bknn_kws_infer(state->arena, in, out);
    return 0;
}
"""


def bakenn_row(path: Path) -> dict[str, Any]:
    """Figures of bakenn on a Cortex-M4, or why there are none."""
    row = {"model": path.stem, "target": "cortex-m4", "runtime": RUNTIME}
    try:
        import bakenn
    except ImportError:
        return {**row, "runtime": "bakenn: not installed"}
    if shutil.which(CROSS_GCC) is None:
        return {**row, "runtime": f"bakenn: needs {CROSS_GCC} for its CMSIS-NN"}
    graph = _without_softmax(lower(load_graph(path)))
    clips = np.random.default_rng(20).integers(-128, 128, (3, *graph.tensor(graph.inputs[0]).dims[1:]), dtype=np.int8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "kws.tflite"
        model.write_bytes(tflite_bytes(graph))
        options = bakenn.CBackendOptions(
            kernel_policy=bakenn.KernelPolicy.AUTO, enable_cmsis_nn=True, target=bakenn.CORTEX_M4
        )
        bakenn.compile_tflite(str(model), folder / "c", name="kws", backend_options=options)
        image = _build(graph, folder / "c", find_toolchain(find_target("cortex-m4"), CROSS_GCC))
        run, sizes = emulate(image, clips, counted=1), image_sizes(read_elf(image.path))
    instructions = run.counts[0].model
    return {
        **row,
        "instructions": instructions,
        "flash": sizes.flash,
        "static_ram": sizes.ram,
        "stack": run.stack,
        "bytes_differ": int(np.sum(run.scores != run_integer(graph, clips).reshape(len(clips), -1))),
    }


def _without_softmax(graph: Graph) -> Graph:
    last = graph.nodes[-1]
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name != last.outputs[0]}
    return graph.replace(nodes=graph.nodes[:-1], outputs=(last.inputs[0],), tensors=tensors)


def _build(graph: Graph, folder: Path, compiler: Toolchain) -> Image:
    """The sources of bakenn in the bare-metal project."""
    target = find_target("cortex-m4")
    files = project_files(generate(graph, None, target, "peer"), target)
    for path, text in files.items():
        if Path(path).parent.name == "project":  # not edgekit's own model
            (folder / Path(path).name).write_text(text)
    (folder / "model_config.h").write_text(_CONFIG)
    (folder / "peer.c").write_text(_INVOKE)
    listed = re.findall(r'CURRENT_LIST_DIR}/([^"]+\.c)"', (folder / "bakenn_sources.cmake").read_text("utf-8"))
    includes = ("-I.", "-Ithird_party/cmsis_nn/Include", "-Ithird_party/cmsis_core/Include")
    script = next(folder.glob("*.ld")).name
    arguments = [
        *compiler.target_flags(target), *COMMON_FLAGS, "-DBAKENN_CMSIS_NN_BUILTIN_MEMORY", *includes,
        *compiler.image_flags, f"-Wl,-T,{script}", "main.c", "startup.c", "peer.c", *listed, "-o", "firmware.elf",
    ]  # fmt: skip
    compiler.run(arguments, folder)
    return Image(folder / "firmware.elf", folder, target, compiler.version(), "", "peer")
