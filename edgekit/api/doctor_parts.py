"""What edgekit can use, as tables: what each extra, program and folder is for, and how one gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BASE = "base"
"""Stands for what every installation of edgekit has."""
HIDDEN_EXTRAS = frozenset({"all", "dev", "docs"})
"""Extras that are lists of others, or for those who work on edgekit itself."""

EXTRAS: Mapping[str, str] = {
    BASE: "check-budget, quantize from arrays, compile, run",
    "train": "train, distill, evaluate runs, export",
    "quantize": "ONNX Runtime: its quantizer, and bench beside edgekit",
    "nncf": "quantize --method nncf",
    "sweep": "sweep",
    "tflite": "LiteRT: run and bench .tflite files with it",
    "tensorflow": "TensorFlow's own converter and interpreter, to compare",
    "mcu": "compile and bench for Cortex-M without root: zig, emulator",
    "npu": "bench --target ethos-u55-128: Vela's estimate",
    "cuda": "bench --target cuda: ONNX Runtime, energy",
    "pi": "compile for a Raspberry Pi: zig",
    "synth": "data synth: keywords by a speech synthesiser",
    "report": "report, eval -o, quantize --report, pictures",
    "torchaudio": "data sets and front-ends of torchaudio, to compare",
    "adapt": "adapt: adapters and reprogramming of large models",
    "vision": "vision teachers",
    "mic": "run without files: the microphone",
    "track": "train --tracker tensorboard or mlflow",
}
"""What an extra is for; one that is not here is listed under its own name."""

MODULES: Mapping[str, str] = {
    "ai-edge-litert": "ai_edge_litert",
    "espeakng-loader": "espeakng_loader",
    "ethos-u-vela": "ethosu.vela",
    "pyelftools": "elftools",
    "pyserial": "serial",
    "scikit-learn": "sklearn",
}
"""Where the module of a distribution is not its name with underscores."""


@dataclass(frozen=True)
class Program:
    """A program outside Python.

    Attributes:
        names: commands that do, the first one best.
        enables: what it is for.
        packages: of Debian and Ubuntu; empty where there is none.
        arguments: that make it say its version.
    """

    names: tuple[str, ...]
    enables: str
    packages: str
    arguments: tuple[str, ...] = ("--version",)


_CROSS = "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
_GPU = ("--query-gpu=name,driver_version", "--format=csv,noheader")
PROGRAMS = (
    Program(("gcc", "cc"), "run, bench on this machine, time by layer (zig of extra mcu does it too)", "gcc libc6-dev"),
    Program(("arm-none-eabi-gcc",), "Cortex-M images by Arm's GCC", "gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    Program(("aarch64-linux-gnu-gcc",), "programs for a Raspberry Pi by GCC", _CROSS),
    Program(("qemu-system-arm",), "bench on boards and on Cortex-M55", "qemu-system-arm"),
    Program(("qemu-aarch64", "qemu-aarch64-static"), "bench on an emulated Raspberry Pi", "qemu-user"),
    Program(("ssh",), "bench on a Raspberry Pi of yours", "openssh-client", ("-V",)),
    Program(("chromium", "chromium-browser", "google-chrome"), "the tests that open reports", "chromium"),
    Program(("nvidia-smi",), "training and bench on NVIDIA GPUs", "", _GPU),
)

LIBRARIES: Mapping[str, tuple[str, str]] = {"portaudio": ("run with the microphone", "libportaudio2")}
"""Shared libraries that a package needs and pip does not bring: what for, and the Debian package."""

FOLDERS: Mapping[str, str] = {
    "EDGEKIT_DATA": "folder of data sets, for tests and benchmarks",
    "EDGEKIT_MODELS": "folder of reference models, for tests and benchmarks",
    "EDGEKIT_CACHE": "folder of decoded audio; without it, the user's cache folder",
}
"""Environment variables that name folders."""
