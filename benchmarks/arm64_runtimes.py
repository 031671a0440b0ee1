"""The aarch64 wheels of LiteRT and ONNX Runtime on int8 models, in QEMU on a Debian arm64 root: outputs, no times.

    sudo python benchmarks/arm64_runtimes.py --root DIR MODEL… [--clips 20]

DIR is made when it is not there: with debootstrap (Debian packages: debootstrap, qemu-user-static), whose packages are
only unpacked, and with wheels from pip. Both runtimes crash where they cannot read /proc/cpuinfo and
/sys/devices/system/cpu, so the root gets those of four Cortex-A72. Emulation is good for correctness, not for time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from results_file import write_results

from edgekit.bench.channel import Channel
from edgekit.bench.inputs import Inputs, compare_scores, make_inputs
from edgekit.bench.model_process import ModelProcess
from edgekit.bench.runtimes import SERVER, Runtime, integer_model
from edgekit.core.errors import EdgekitError
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

QEMU = "qemu-aarch64-static"
SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = "python3-minimal,libpython3-stdlib,libstdc++6"
WHEELS = ("numpy", "ai-edge-litert", "onnxruntime", "flatbuffers", "protobuf", "packaging", "typing-extensions")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
SITE = "opt/edgekit/site"
START_S = 400.0
_CPU = """processor\t: {index}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""


def main() -> int:
    """Make the root where it is missing, run every model, write ``benchmarks/results/arm64_runtimes.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=20)
    options = parser.parse_args()
    if not (options.root / SITE).is_dir():
        make_root(options.root)
    rows = []
    for path in options.models:
        inputs = make_inputs(path.name, lower(load_graph(path)), None, "balanced", clips=options.clips, seed=0)
        rows += [compare(options.root, path, inputs, runtime) for runtime in ("litert", "onnxruntime")]
    write_results("arm64_runtimes", rows)
    return int(any(row["problem"] or row["label_agreement"] < 0.95 for row in rows))


def make_root(root: Path) -> None:
    """A folder with arm64 Debian, Python and the wheels, which QEMU takes as its root; needs to be root."""
    command = ["debootstrap", "--foreign", "--arch=arm64", "--variant=minbase", f"--include={PACKAGES}", SUITE]
    subprocess.run([*command, str(root)], check=True, stdout=subprocess.DEVNULL)
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    processors = "".join(_CPU.format(index=index) for index in range(4))
    for name, text in (
        ("proc/cpuinfo", processors),
        ("sys/devices/system/cpu/possible", "0-3\n"),
        ("sys/devices/system/cpu/present", "0-3\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    downloads = root / "opt/edgekit/wheels"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(downloads)]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    subprocess.run([*pip, "--python-version", PYTHON, *platforms, *WHEELS], check=True)
    partial = root / "opt/edgekit/partial"
    for wheel in downloads.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(partial)
    shutil.copy(SERVER, partial / "edgekit_server.py")
    partial.rename(root / SITE)


@contextmanager
def arm64_server(root: Path, where: str) -> Iterator[Channel]:
    """``server.py`` in the root's Python, emulated."""
    python = root / f"usr/bin/python{PYTHON}"
    command = [QEMU, "-cpu", "cortex-a72", "-L", str(root), str(python), "-I", "-B", "-c"]
    start = f"import sys; sys.path.insert(0, '/{SITE}'); import edgekit_server; sys.exit(edgekit_server.main())"
    with Channel([*command, start], where=where, environment={"OMP_NUM_THREADS": "1"}) as channel:
        yield channel


def compare(root: Path, path: Path, inputs: Inputs, runtime: str) -> dict[str, Any]:
    """One row: what the emulated runtime makes of the inputs beside the integer interpreter."""
    row = {"model": path.name, "runtime": runtime, "clips": len(inputs.features), "outputs_equal": None}
    row |= {"label_agreement": None, "largest_difference": None, "problem": ""}
    try:
        with arm64_server(root, runtime) as channel:
            process = ModelProcess(channel, inputs.outputs, answer_s=START_S)
            model, ends = integer_model(inputs.core, runtime, path)
            process.load(model, {**Runtime(runtime).options(), **ends})
            row["runtime"] = f"{process.about()['runtime']}, {QEMU} -cpu cortex-a72"
            agreement = compare_scores(process.scores(inputs.features), inputs.expected)
    except EdgekitError as error:
        return row | {"problem": str(error)}
    return row | {
        "outputs_equal": agreement.equal,
        "label_agreement": agreement.labels,
        "largest_difference": agreement.steps,
    }


if __name__ == "__main__":
    sys.exit(main())
