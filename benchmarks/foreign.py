"""Quantized files of other packages, read and compiled: their labels and their own runtime's.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/foreign.py --out runs/foreign --run ds-cnn=RUN --run cp-mobile-grn=RUN

``RUN`` is a float run of benchmarks/quantization.py on DSPSpeech. NNCF (torch, QAT), torchao (PT2E, QAT), ONNX Runtime
(``quantize_static``) and TensorFlow's converter (in the Python of ``EDGEKIT_TENSORFLOW_PYTHON``) each make a file of it
with 256 clips of spk00–17; files that are in ``--out`` are taken. All clips of other speakers (spk18–25) are answered
by edgekit's integers and by the file's own runtime: ONNX Runtime without fusions, LiteRT's reference kernels. Beside it
stands how often that runtime agrees with itself, run as it is by default (fused, or optimised), and in
``equal_labels_by_default`` how often edgekit does with that. ``widest_margin`` is the largest distance between the best
two logits, in steps of the output, of a clip with another label. Each file has a row for each rounding of edgekit's
graph (``--rounding`` of ``edgekit quantize``): "twice" as TFLite and TFLM round a rescaled sum, "once" as these do with
TFLITE_SINGLE_ROUNDING. ``in_real_numbers`` has the equal labels where edgekit's graph of the file rounds activations as
the file says and computes with real numbers between: what differs there would be read wrongly. ``with_int32_biases``
has them where these real numbers have the integer graph's biases, which chips keep in steps of input times weight: an
experiment that says what comes from there alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from foreign_files import MAKERS, Float
from foreign_rounding import in_real_numbers
from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from c_batches import run_on_host

from edgekit.api.calibration import calibration_clips
from edgekit.api.export import export
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.features.quantized import quantize_features
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import ONCE, ROUNDINGS, Rounding, with_rounding
from edgekit.quantize.compare import dequantized_outputs

CALIBRATION, MEASURED = "speaker=spk00..spk17", "speaker=spk18..spk25"
IN_C = 24
"""Clips that the sanitized C is asked, too."""


def onnx_logits(path: Path, clips: np.ndarray, *, default: bool) -> np.ndarray:
    """ONNX Runtime's, with its fusions by default."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    if not default:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: clip[None]})[0] for clip in clips])


def tflite_logits(path: Path, clips: np.ndarray, *, default: bool) -> np.ndarray:
    """LiteRT's, with its optimised kernels by default."""
    import ai_edge_litert.interpreter as litert

    kind = litert.OpResolverType.AUTO if default else litert.OpResolverType.BUILTIN_REF
    interpreter = litert.Interpreter(str(path), experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    source, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    answers = []
    for clip in quantize_features(np.ascontiguousarray(clips.transpose(0, 2, 3, 1)), *source["quantization"]):
        interpreter.set_tensor(source["index"], clip.reshape(source["shape"]))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(output["index"]).reshape(-1).astype(np.float64))
    scale, zero_point = output["quantization"]
    return (np.stack(answers) - zero_point) * scale


def rows_of(model: str, quantizer: str, path: Path, seen: np.ndarray, clips: np.ndarray) -> list[dict[str, Any]]:
    """One file against its own runtime, a row a rounding; ``seen`` gives an output that is left in float its range."""
    onnx = path.suffix == ".onnx"
    runtime: Callable[..., np.ndarray] = onnx_logits if onnx else tflite_logits
    theirs, usual = (runtime(path, clips, default=default).reshape(len(clips), -1) for default in (False, True))
    told = {
        "model": model,
        "quantizer": quantizer,
        "runtime": "ONNX Runtime" if onnx else "LiteRT",
        "clips": len(clips),
        "runtime_equals_itself": _equal(usual, theirs),
    }
    seen, last = (np.ascontiguousarray(part.transpose(0, 2, 3, 1)) for part in (seen, clips))
    return [told | _row(path, rounding, seen, last, theirs, usual) for rounding in ROUNDINGS]


def _row(
    path: Path, rounding: Rounding, seen: np.ndarray, clips: np.ndarray, theirs: np.ndarray, usual: np.ndarray
) -> dict[str, Any]:
    """What edgekit's graph of a file gives beside its runtime's logits [N, classes]; clips [N, H, W, C]."""
    integer = lower(with_rounding(load_graph(path), rounding), seen)
    ours = dequantized_outputs(integer, clips).reshape(theirs.shape)
    step = integer.tensor(integer.outputs[0]).scale_zero()[0]
    best = np.sort(theirs[ours.argmax(axis=1) != theirs.argmax(axis=1)], axis=1)
    experiments: dict[str, float | None] = {"in_real_numbers": None, "with_int32_biases": None}
    if path.suffix == ".onnx" and rounding == ONCE:
        experiments["in_real_numbers"] = _equal(in_real_numbers(path, clips), theirs)
        experiments["with_int32_biases"] = _equal(in_real_numbers(path, clips, integer), theirs)
    return {
        "rounding": rounding,
        "equal_labels": _equal(ours, theirs),
        "equal_labels_by_default": _equal(ours, usual),
        **experiments,
        "rms_steps": float(np.sqrt(np.square((ours - theirs) / step).mean())),
        "largest_steps": float(np.abs(ours - theirs).max() / step),
        "widest_margin": float(((best[:, -1] - best[:, -2]) / step).max(initial=0.0)),
        "float_tensors": sum(tensor.dtype.startswith("float") for tensor in integer.tensors.values()),
        "c_equals_interpreter": _c_agrees(integer, clips[:IN_C]),
    }


def _equal(logits: np.ndarray, theirs: np.ndarray) -> float:
    """Share of clips with the same label."""
    return float((logits.reshape(theirs.shape).argmax(axis=1) == theirs.argmax(axis=1)).mean())


def _c_agrees(integer: Graph, clips: np.ndarray) -> bool:
    """The generated C, sanitized, gives the interpreter's bytes."""
    source = integer.tensor(integer.inputs[0])
    fed = quantize_features(clips, *source.scale_zero())
    expected = run_integer(integer, fed).reshape(len(fed), -1)
    with tempfile.TemporaryDirectory() as folder:
        sources = generate(integer, None, find_target("cpu"), "model")
        (answer,) = run_on_host([sources], [fed.reshape(len(fed), *source.dims)], Path(folder))
    return answer.outputs is not None and bool(np.array_equal(answer.outputs, expected))


def measured(name: str, run: Path, folder: Path, data: Path) -> list[dict[str, Any]]:
    """All rows of a float model; files that are not there yet are made."""
    model = export(run, folder / "export").model
    graph = lower(load_graph(model))
    seen, clips = (
        calibration_clips(graph, data, select=select, clips=count).transpose(0, 3, 1, 2)
        for select, count in ((CALIBRATION, 256), (MEASURED, 10_000))
    )
    given = Float(run, model, graph, np.ascontiguousarray(seen, np.float32))
    rows = []
    for quantizer, (file, make) in MAKERS.items():
        if not (folder / file).is_file():
            make(given, folder / file)
        rows += rows_of(name, quantizer, folder / file, seen, np.ascontiguousarray(clips, np.float32))
    return rows


def main() -> None:
    """Rows of every run given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech")
    parser.add_argument("--out", type=Path, default=Path("runs/foreign"))
    parser.add_argument("--run", action="append", required=True, metavar="NAME=RUN", help="a float run")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    runs = [item.split("=", 1) for item in options.run]
    data = Path(options.data) / "dspspeech"
    write_results(
        "foreign", [found for name, run in runs for found in measured(name, Path(run), options.out / name, data)]
    )


if __name__ == "__main__":
    main()
