"""Streams against windows: equality over ten minutes of recordings, and what a frame costs.

    EDGEKIT_DATA=… python benchmarks/streaming.py [--minutes 10] [--emulated 3000] [--only NAME]
    EDGEKIT_DATA=… python benchmarks/streaming.py --hours 24

The first form writes a row a model: the float step in ONNX Runtime against PyTorch on windows cut from the stream, the
int8 step in C on this machine against the integer interpreter on those windows, the same C on an emulated Cortex-M4.
The second lets one stream with its front-end run for a day of audio.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results_file import RESULTS, write_results
from streaming_cases import SHAPES, Shape, frames_of, recording, window, window_model

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from streams import carried_windows

from edgekit.bench.emulate import emulate
from edgekit.bench.host_stream import host_stream
from edgekit.budget.counting import count
from edgekit.deploy.generate_stream import generate_stream, warmup_hops
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.export.qdq_writer import qdq_model
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.streaming.step import stream
from edgekit.graph.streaming.types import StreamGraph
from edgekit.quantize.ptq import quantize_graph

CPU, M4 = find_target("cpu"), find_target("cortex-m4")
COUNTED = 40
"""Hops whose instructions are counted; the largest number is the row's."""


def chosen_hops(shape: Shape, form: StreamGraph, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the hops that are compared, and the frame behind each one's window."""
    hops = np.arange(frames // form.hop)
    ends = (hops + 1) * form.hop + form.unused
    inside = (ends >= shape.frames) & (ends <= frames)
    return hops[inside][:: shape.every], ends[inside][:: shape.every]


def float_difference(shape: Shape, module: torch.nn.Module, form: StreamGraph, frames: np.ndarray) -> tuple[float, int]:
    """Largest difference of the ONNX step from PyTorch on windows, and how many windows."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(qdq_model(form.graph).SerializeToString(), options)
    source, *states = session.get_inputs()
    values = {state.name: np.zeros(state.shape, np.float32) for state in states}
    outputs = []
    for hop in range(len(frames) // form.hop):
        given = frames[hop * form.hop : (hop + 1) * form.hop].reshape(source.shape)
        output, *rest = session.run(None, {source.name: given, **values})
        outputs.append(output.reshape(-1))
        values = dict(zip(values, rest, strict=True))
    if form.since_start:
        expected = since_start(module, frames)
        return float(np.abs(np.stack(outputs) - expected).max()), len(expected)
    hops, ends = chosen_hops(shape, form, len(frames))
    worst = 0.0
    for i in range(0, len(hops), 64):
        part = np.stack([window(shape, frames[end - shape.frames : end]) for end in ends[i : i + 64]])
        with torch.no_grad():
            expected = module(torch.from_numpy(part[:, None].copy())).numpy()
        worst = max(worst, float(np.abs(np.stack(outputs)[hops[i : i + 64]] - expected).max()))
    return worst, len(hops)


def since_start(module: torch.nn.Module, frames: np.ndarray) -> np.ndarray:
    """PyTorch's logits of a recurrent model for every frame of the whole stream."""
    with torch.no_grad():
        states, _ = module.recurrent(torch.from_numpy(frames[None]))
        return np.asarray(module.dense(states[0]))


def int8_scores(shape: Shape, graph: Graph, form: StreamGraph, frames: np.ndarray) -> tuple[np.ndarray, bool, int]:
    """Scores of the C on this machine for every hop, whether they equal those of the windows, and how many differ."""
    hops, ends = chosen_hops(shape, form, len(frames))
    with host_stream(generate_stream(form, None, CPU, "model")) as listening:
        scores = listening.step(as_hops(form, frames))
    if form.since_start:
        expected, places = carried_windows(graph, frames, "/recurrent/GRU/0/hidden:0")
        return scores, bool(np.array_equal(scores[places], expected)), len(np.unique(scores, axis=0))
    wrong = 0
    for i in range(0, len(hops), 256):
        part = np.stack([window(shape, frames[end - shape.frames : end])[..., None] for end in ends[i : i + 256]])
        expected = run_integer(graph, part).reshape(len(part), -1)
        wrong += int(np.any(scores[hops[i : i + 256]] != expected, axis=1).sum())
    return scores, wrong == 0, len(np.unique(scores[hops], axis=0))


def as_hops(form: StreamGraph, frames: np.ndarray) -> np.ndarray:
    """[frames, bins] as [hops, values]."""
    number = len(frames) // form.hop
    return frames[: number * form.hop].reshape(number, -1)


def on_m4(form: StreamGraph, frames: np.ndarray, scores: np.ndarray, most: int) -> dict[str, Any]:
    """The C on an emulated Cortex-M4: equal to this machine's scores? Instructions of a hop for either purpose."""
    hops = as_hops(form, frames)[:most]
    with tempfile.TemporaryDirectory() as folder:
        balanced = generate_stream(form, None, M4, "model")
        small = emulate(build(balanced, M4, Path(folder) / "balanced"), hops[:COUNTED], counted=COUNTED)
        sources = generate_stream(form, None, M4, "model", "speed")
        run = emulate(build(sources, M4, Path(folder) / "speed"), hops, counted=COUNTED)
    return {
        "m4_hops": len(hops),
        "m4_equal": bool(
            np.array_equal(run.scores, scores[: len(hops)])
            and np.array_equal(small.scores, scores[: len(small.scores)])
        ),
        "m4_instructions_a_hop": max(item.model for item in run.counts),
        "m4_instructions_a_hop_balanced": max(item.model for item in small.counts),
        "ring_bytes": sources.manifest["stream"]["ring_bytes"],
        "arena_bytes": sources.manifest["arena_bytes"],
        "stack_bytes": run.stack,
    }


def row(name: str, shape: Shape, minutes: float, emulated: int) -> dict[str, Any]:
    """Everything about one model."""
    frames = frames_of(shape.spec, recording(60.0 * minutes))
    module, graph = window_model(shape, frames)
    form = stream(graph, shape.axis)
    difference, windows = float_difference(shape, module, form, frames)
    starts = np.random.default_rng(1).integers(0, len(frames) - shape.frames, 128)
    calibration = np.stack([window(shape, frames[s : s + shape.frames])[..., None] for s in starts])
    integer = quantize_graph(graph, calibration)
    step = stream(integer, shape.axis)
    scale, zero = integer.tensor(integer.inputs[0]).scale_zero()
    given = np.clip(np.floor(frames / scale + 0.5) + zero, -128, 127).astype(np.int8)
    scores, equal, different = int8_scores(shape, integer, step, given)
    macs = [count(part, plan=False).tallies["macs_true"].known for part in (step.graph, integer)]
    found = on_m4(step, given, scores, emulated)
    frame_macs = macs[0] / step.hop
    return {
        "model": name, "minutes": minutes, "hop_frames": step.hop, "window_frames": step.window,
        "since_start": step.since_start, "windows_compared": windows, "float_difference": difference,
        "int8_equal": equal, "int8_distinct_outputs": different, "macs_a_window": macs[1],
        "macs_a_frame": round(frame_macs), "fewer_macs": round(macs[1] / frame_macs, 1), **found,
        "m4_instructions_a_frame": round(found["m4_instructions_a_hop"] / step.hop),
        "limit_a_hop": 2 * macs[0] + 20_000,
        "state_bytes": step.state_bytes,
    }  # fmt: skip


def day(hours: float) -> dict[str, Any]:
    """A stream with its front-end over ``hours`` of audio, the same ten minutes again and again."""
    shape = SHAPES["ds-cnn-causal"]
    frames = frames_of(shape.spec, recording(60.0))
    _, graph = window_model(shape, frames)
    calibration = np.stack([window(shape, frames[s : s + shape.frames])[..., None] for s in range(0, 2000, 20)])
    form = stream(quantize_graph(graph, calibration), shape.axis)
    sources = generate_stream(form, shape.spec, CPU, "model")
    hop = sources.clip_samples
    pcm = recording(600.0)
    pcm = pcm[: len(pcm) // hop * hop]
    rounds = int(np.ceil(hours * 3600.0 * 16_000 / len(pcm)))
    digests, begin, warm = [], time.perf_counter(), warmup_hops(form, shape.spec)
    memory = 0
    with host_stream(sources) as listening:
        for i in range(rounds):
            scores, _ = listening.listen(pcm)
            digests.append(hashlib.sha256(scores[warm:].tobytes()).hexdigest())
            memory = memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if i < 2 else memory
        elapsed = time.perf_counter() - begin
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        after, _ = listening.listen(pcm[: 100 * hop])
        listening.restart()
        listening.listen(pcm[-(warm + 1) * hop :])
        fresh, _ = listening.listen(pcm[: 100 * hop])
    return {
        "hours": rounds * len(pcm) / 16_000 / 3600, "seconds": round(elapsed, 1),
        "times_real_time": round(rounds * len(pcm) / 16_000 / elapsed, 1), "hops": rounds * (len(pcm) // hop),
        "rounds_alike": len(set(digests)) == 1, "fresh_start_equal": bool(np.array_equal(after, fresh)),
        "memory_grown_kib": grown, "state_bytes": sources.state_bytes,
    }  # fmt: skip


def merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` in the place of those of the same models that were written before, in the order of SHAPES."""
    path = RESULTS / "streaming.json"
    before = json.loads(path.read_text("utf-8"))["rows"] if path.is_file() else []
    known = {item["model"]: item for item in (*before, *rows)}
    return [known[name] for name in SHAPES if name in known]


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--emulated", type=int, default=3000, help="hops on the emulated core")
    parser.add_argument("--only", action="append", help="names of models")
    parser.add_argument("--hours", type=float, help="one stream for so long instead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.hours:
        rows = [day(options.hours)]
        write_results("streaming_day", rows)
    else:
        rows = []
        for name, shape in SHAPES.items():
            if options.only is None or name in options.only:
                rows.append(row(name, shape, options.minutes, options.emulated))
                print(rows[-1], flush=True)
        if options.minutes >= 10:
            write_results("streaming", merged(rows))


if __name__ == "__main__":
    main()
