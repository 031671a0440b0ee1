"""Serves a model of a Python runtime through stdin and stdout; stands alone.

It runs in a process of its own here, and is sent to a Raspberry Pi as text: it imports nothing of edgekit, only numpy
and the runtime, and takes Python 3.8. Requests and replies are those of firmware_stubs/process/main.c, with one before
all others:

    kind 7  JSON: options; its length in the first 4 bytes; the model's bytes follow it. Reply: status 0, value 0;
            or status -103 and value bytes of text: why the model cannot be loaded.

Options: runtime ("onnxruntime", "litert", "torch"), threads, cpus to stay on, device ("cpu", "cuda"), compiled (torch),
dims of the input (NHWC), input and output: [scale, zero point] of the int8 that requests and replies hold, or null
where they are float32.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from typing import Any

import numpy as np

FEATURES, TIME, MEMORY, ABOUT, LOAD = 1, 4, 5, 6, 7
BAD_REQUEST, NO_FRONTEND, NOT_LOADED = -100, -102, -103
MAX_RUNS = 1000000


class OnnxRuntime:
    """A session on one provider. Input float32, rank 4 as NCHW."""

    def __init__(self, model: bytes, options: dict[str, Any]) -> None:
        import onnxruntime

        cuda = options["device"] == "cuda"
        provider = "CUDAExecutionProvider" if cuda else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise RuntimeError("onnxruntime has no " + provider + ": install onnxruntime-gpu")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options["threads"]
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        if options.get("profile"):
            settings.enable_profiling, settings.profile_file_prefix = True, options["profile"]
        self.session = onnxruntime.InferenceSession(model, settings, providers=[provider])
        if self.session.get_providers()[0] != provider:
            raise RuntimeError(provider + " does not start here")
        self.options = options
        self.name = self.session.get_inputs()[0].name
        self.version = "onnxruntime " + onnxruntime.__version__

    def give(self, x: np.ndarray) -> None:
        """Take the input, float32 in the model's NHWC."""
        x = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
        self.feed = {self.name: np.ascontiguousarray(x)}

    def run(self) -> None:
        """One inference."""
        self.out = self.session.run(None, self.feed)[0]

    def take(self) -> np.ndarray:
        """The latest output, float32."""
        return np.asarray(self.out)


class LiteRt:
    """LiteRT's interpreter with XNNPACK, or tflite-runtime's where only that is there."""

    def __init__(self, model: bytes, options: dict[str, Any]) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter

            package = "ai-edge-litert"
        except ImportError:
            from tflite_runtime.interpreter import Interpreter

            package = "tflite-runtime"
        self.interpreter = Interpreter(model_content=model, num_threads=options["threads"])
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]
        self.version = package + " " + _version(package)

    def give(self, x: np.ndarray) -> None:
        """Take the input: int8 or float32, as the model does."""
        self.interpreter.set_tensor(self.input["index"], np.ascontiguousarray(x.reshape(self.input["shape"])))

    def run(self) -> None:
        """One inference."""
        self.interpreter.invoke()

    def take(self) -> np.ndarray:
        """The latest output in the model's type."""
        return np.asarray(self.interpreter.get_tensor(self.output["index"]))


class Torch:
    """An exported program, eager or compiled. Input float32 as the program takes it."""

    def __init__(self, model: bytes, options: dict[str, Any]) -> None:
        import io

        import torch

        if options["device"] == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("torch finds no CUDA device")
        torch.set_num_threads(options["threads"])
        self.torch, self.options = torch, options
        module = torch.export.load(io.BytesIO(model)).module().to(options["device"])
        self.module = torch.compile(module) if options.get("compiled") else module
        device = torch.cuda.get_device_name() if options["device"] == "cuda" else "cpu"
        kind = "compiled" if options.get("compiled") else "eager"
        self.version = "torch " + torch.__version__ + " " + kind
        self.device = device

    def give(self, x: np.ndarray) -> None:
        """Take the input, float32."""
        x = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
        self.x = self.torch.from_numpy(np.ascontiguousarray(x)).to(self.options["device"])

    def run(self) -> None:
        """One inference; ends when the device has ended."""
        with self.torch.inference_mode():
            self.out = self.module(self.x)
        if self.options["device"] == "cuda":
            self.torch.cuda.synchronize()

    def take(self) -> np.ndarray:
        """The latest output."""
        return np.asarray(self.out.cpu().numpy())


RUNTIMES: dict[str, Any] = {"onnxruntime": OnnxRuntime, "litert": LiteRt, "torch": Torch}


class Server:
    """One loaded model with its conversions."""

    def __init__(self, model: bytes, options: dict[str, Any]) -> None:
        self.options = options
        self.before = -1
        self.runtime = RUNTIMES[options["runtime"]](model, options)

    def give(self, data: bytes) -> None:
        """Bytes of a request to the runtime's input; conversions are not timed."""
        quantized = self.options["input"]
        x = np.frombuffer(data, dtype=np.int8 if quantized else "<f4").reshape(self.options["dims"])
        wants_float = not isinstance(self.runtime, LiteRt) or self.runtime.input["dtype"] == np.float32
        if quantized and wants_float:
            x = (x.astype(np.float32) - np.float32(quantized[1])) * np.float32(quantized[0])
        self.runtime.give(x)

    def take(self) -> tuple[int, bytes]:
        """The output as bytes of a reply, and the index of the best score."""
        y, quantized = np.asarray(self.runtime.take()).reshape(-1), self.options["output"]
        if quantized and y.dtype != np.int8:
            steps = np.rint(y.astype(np.float64) / quantized[0]) + quantized[1]
            y = np.clip(steps, -128, 127).astype(np.int8)
        return int(y.argmax()), y.astype(y.dtype.newbyteorder("<")).tobytes()

    def times(self, warmup: int, runs: int) -> np.ndarray:
        """Nanoseconds of each run: passed, and of processor time; uint64 [runs, 2]."""
        run, wall, cpu = self.runtime.run, time.perf_counter_ns, time.process_time_ns
        for _ in range(max(warmup, 1)):
            run()
        found = np.zeros((runs, 2), dtype="<u8")
        for i in range(runs):
            begin_cpu = cpu()
            begin = wall()
            run()
            found[i] = wall() - begin, cpu() - begin_cpu
        return found


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:  # a runtime that was built by hand
        return "of unknown version"


def peak_kib() -> int:
    """Peak of resident memory of this process; -1 where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return -1


def pin(cpus: list[int] | None) -> None:
    """Stay on these processors, where the system can do so."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)


def load(data: bytes) -> Server:
    """The server of a kind-7 request's data."""
    size = struct.unpack_from("<I", data)[0]
    options = json.loads(data[4 : 4 + size])
    pin(options.get("cpus"))
    before = peak_kib()
    server = Server(data[4 + size :], options)
    server.before = before
    return server


def answer(server: Server, kind: int, data: bytes) -> bytes:
    """The reply to one request."""
    if kind == FEATURES:
        server.give(data)
        server.runtime.run()
        best, scores = server.take()
        return struct.pack("<ii", 0, best) + scores
    if kind == TIME:
        what, warmup, runs = struct.unpack("<III", data)
        if what != 1:
            return struct.pack("<ii", NO_FRONTEND, 0)
        if max(warmup, runs) > MAX_RUNS:
            return struct.pack("<ii", BAD_REQUEST, 0)
        return struct.pack("<ii", 0, runs) + server.times(warmup, runs).tobytes()
    if kind == MEMORY:
        return struct.pack("<ii", 0, peak_kib())
    if kind == ABOUT:
        told = {"runtime": server.runtime.version, "before_kib": server.before, "python": sys.version.split()[0]}
        told["device"] = getattr(server.runtime, "device", "cpu")
        text = json.dumps(told).encode()
        return struct.pack("<ii", 0, len(text)) + text
    return struct.pack("<ii", BAD_REQUEST, 0)


def main() -> int:
    """Serve until the input ends. Whatever runtimes print goes to stderr."""
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server: Any = None
    while True:
        head = source.read(8)
        if len(head) < 8:
            return 0
        kind, size = struct.unpack("<II", head)
        data = source.read(size)
        if len(data) < size:
            return 1
        if kind == LOAD:
            try:
                server = load(data)
                reply = struct.pack("<ii", 0, 0)
            except Exception as error:  # whatever it is, the asking side is told and reports it
                text = (type(error).__name__ + ": " + str(error)).encode()[:2000]
                reply = struct.pack("<ii", NOT_LOADED, len(text)) + text
        else:
            reply = answer(server, kind, data)
        sink.write(reply)
        sink.flush()


if __name__ == "__main__":
    sys.exit(main())
