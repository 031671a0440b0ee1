"""Quantized files of one float model as other packages make them, by the ways their guides describe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.quantize.tensorflow_models import PYTHON_KEY
from edgekit.train.checkpoint import load_checkpoint

STEPS, BATCH = 40, 16
"""Of quantization-aware training: enough that scales and weights are no longer those of calibration."""


@dataclass(frozen=True, eq=False)
class Float:
    """A float model.

    Attributes:
        run: its run folder.
        onnx: its ONNX file.
        graph: the edge graph of it.
        clips: float32 [N, 1, H, W], training clips that calibrate.
    """

    run: Path
    onnx: Path
    graph: Graph
    clips: np.ndarray


def nncf_qat(model: Float, out: Path) -> None:
    """NNCF in torch: quantized, trained on as the float model answers, stripped, exported."""
    import nncf

    student = load_checkpoint(model.run).build()
    clips = torch.from_numpy(model.clips)
    quantized = nncf.quantize(student, nncf.Dataset([clip[None] for clip in clips]), subset_size=len(clips))
    _trained(quantized.train(), model, 1e-5)
    stripped = nncf.strip(quantized.eval(), do_copy=True, example_input=clips[:1])
    names = {"input_names": ["features"], "output_names": ["logits"]}
    torch.onnx.export(stripped, (clips[:1],), str(out), dynamo=False, opset_version=17, **names)


def torchao_qat(model: Float, out: Path) -> None:
    """Torchao's PT2E with its XNNPACK quantizer: prepared, trained on, converted, exported."""
    from torchao.quantization.pt2e import move_exported_model_to_eval
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_qat_pt2e
    from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

    student = load_checkpoint(model.run).build().train().requires_grad_(True)
    clips = torch.from_numpy(model.clips)
    shapes = ({0: torch.export.Dim("clips", min=1, max=64)},)
    exported = torch.export.export(student, (clips[:2],), dynamic_shapes=shapes).module()
    how = get_symmetric_quantization_config(is_per_channel=True, is_qat=True)
    prepared = prepare_qat_pt2e(exported, XNNPACKQuantizer().set_global(how))
    _trained(prepared, model, 1e-6)
    move_exported_model_to_eval(prepared)
    converted = convert_pt2e(prepared)
    move_exported_model_to_eval(converted)
    torch.onnx.export(converted, (clips[:1],), str(out), dynamo=True)


def _trained(student: torch.nn.Module, model: Float, rate: float) -> None:
    """Some steps towards the float model's logits."""
    teacher, clips = load_checkpoint(model.run).build().eval(), torch.from_numpy(model.clips)
    with torch.no_grad():
        expected = teacher(clips)
    parameters = [p.requires_grad_(True) for p in student.parameters() if p.is_floating_point()]
    optimiser = torch.optim.Adam(parameters, rate)
    draw = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        chosen = torch.randperm(len(clips), generator=draw)[:BATCH]
        loss = torch.nn.functional.mse_loss(student(clips[chosen]), expected[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def ort_ptq(model: Float, out: Path) -> None:
    """ONNX Runtime's ``quantize_static`` after its own preprocessing; weights per channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The clips once."""

        def __init__(self) -> None:
            self.clips: Iterator[np.ndarray] = iter(model.clips)

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next clip."""
            clip = next(self.clips, None)
            return None if clip is None else {"features": clip[None]}

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        quant_pre_process(str(model.onnx), str(plain))
        quantize_static(
            str(plain), str(out), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip


def tensorflow_converter(model: Float, out: Path) -> None:
    """TensorFlow's converter, in the Python that ``EDGEKIT_TENSORFLOW_PYTHON`` names.

    Raises:
        UnsupportedOpError: it refuses the model.
    """
    graph, arrays, nodes = model.graph, {}, []
    for node in graph.nodes:
        names = []
        for name in node.inputs:
            if name and graph.tensor(name).constant:
                arrays[f"constant{len(arrays)}"] = np.asarray(graph.tensor(name).data)
                name = f"constant{len(arrays) - 1}"
            names.append(name)
        nodes.append([node.op, names, node.outputs[0], dict(node.attrs), list(graph.tensor(node.outputs[0]).dims)])
    source, last = graph.inputs[0], graph.outputs[0]
    plain = {"nodes": nodes, "input": source, "dims": graph.tensor(source).dims, "output": last}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "graph.json").write_text(json.dumps(plain))
        np.savez(folder / "arrays.npz", **arrays)
        np.save(folder / "clips.npy", np.ascontiguousarray(model.clips.transpose(0, 2, 3, 1)))
        given = [str(folder / part) for part in ("graph.json", "arrays.npz", "clips.npy")]
        script = Path(__file__).with_name("foreign_tensorflow.py")
        command = [os.environ.get(PYTHON_KEY, sys.executable), str(script), *given, str(out)]
        done = subprocess.run(
            command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "rror: " in line] or ["no word"]
        raise UnsupportedOpError(f"TensorFlow's converter: {said[-1][:300]}", where=graph.name)


MAKERS: Mapping[str, tuple[str, Callable[[Float, Path], None]]] = {
    "NNCF, QAT": ("nncf-qat.onnx", nncf_qat),
    "torchao, QAT": ("torchao-qat.onnx", torchao_qat),
    "ONNX Runtime, PTQ": ("ort-ptq.onnx", ort_ptq),
    "TensorFlow's converter": ("tensorflow.tflite", tensorflow_converter),
}
"""Who quantizes to the file's name and what makes it."""
