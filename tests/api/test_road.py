"""The whole road on a tiny synthesised set: every artifact is there, the chip agrees with the interpreter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgekit.api.data import SynthConfig, synthesise
from edgekit.cli.main import main

pytestmark = pytest.mark.slow

TINY = ["--set", "schedule.epochs=3", "--set", "model.arguments.channels=[8, 12, 16]"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader")
    folder = tmp_path_factory.mktemp("words")
    synthesise(SynthConfig(words=("yes", "no"), voices=8, takes=3, silence=24, format="wav"), folder / "set")
    return folder / "set"


@pytest.fixture(scope="module")
def travelled(words: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("road") / "out"
    blocks = ["--set", "model.arguments.block_strides=[[2, 2], 1]"]
    code = main(["demo", "--data", str(words), *TINY, *blocks, "--chip-clips", "8", "-o", str(out)])
    assert code == 0
    return out, json.loads((out / "road.json").read_text())


def test_the_chip_gives_the_interpreters_label_on_every_clip(travelled: tuple[Path, dict[str, object]]) -> None:
    _, result = travelled
    assert result["on_chip_labels_equal_to_interpreter"] == {"equal": 8, "clips": 8}
    assert result["measurement"]["outputs_equal"] is True  # type: ignore[index]


def test_counts_agree_with_the_files(travelled: tuple[Path, dict[str, object]]) -> None:
    out, result = travelled
    quantities = result["quantities"]
    from elftools.elf.elffile import ELFFile

    with (out / "firmware" / "firmware.elf").open("rb") as stream:
        sections = {section.name: section["sh_size"] for section in ELFFile(stream).iter_sections()}
    flash = result["measurement"]["flash_bytes"]  # type: ignore[index]
    assert flash >= quantities["parameter_bytes"]["value"]  # type: ignore[index]
    assert flash >= sections[".text"]
    assert result["verdict"] == "pass"


def test_models_run_in_their_own_runtimes(travelled: tuple[Path, dict[str, object]]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    out, result = travelled
    for name in ("export/model.onnx", "model.int8.qdq.onnx"):
        session = onnxruntime.InferenceSession(str(out / name), providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        (scores,) = session.run(None, {given.name: np.zeros(given.shape, np.float32)})
        assert scores.size == len(result["labels"])  # type: ignore[arg-type]
    interpreter = litert.Interpreter(str(out / "model.int8.tflite"))
    interpreter.allocate_tensors()
    assert interpreter.get_input_details()[0]["dtype"] is np.int8


def test_the_page_shows_the_result_and_asks_for_nothing(travelled: tuple[Path, dict[str, object]]) -> None:
    out, _ = travelled
    page = (out / "report.html").read_text()
    assert ">The road</h2>" in page and ">Memory timeline</h2>" in page and page.count("<svg") >= 5
    assert page.count("<audio") > 0 and 'src="http' not in page
    assert len(page) < 3_000_000


def test_labels_and_digest_travel_in_every_artifact(travelled: tuple[Path, dict[str, object]]) -> None:
    import onnx
    from safetensors import safe_open

    out, result = travelled
    digest = str(result["frontend_digest"])
    assert digest in (out / "firmware" / "kws.h").read_text()
    assert digest.encode() in (out / "model.int8.tflite").read_bytes()
    for name in ("export/model.onnx", "model.int8.qdq.onnx"):
        metadata = {entry.key: entry.value for entry in onnx.load(out / name).metadata_props}
        assert metadata["edgekit.frontend_digest"] == digest
        assert json.loads(metadata["edgekit.labels"]) == result["labels"]
    with safe_open(out / "run" / "checkpoint.safetensors", "numpy") as stream:
        assert digest in json.dumps(stream.metadata())


def test_a_cut_off_demo_goes_on(travelled: tuple[Path, dict[str, object]], words: Path, tmp_path: Path) -> None:
    out, first = travelled
    shutil.copytree(out / "run", tmp_path / "again" / "run")  # all that was there when the power went
    blocks = ["--set", "model.arguments.block_strides=[[2, 2], 1]"]
    code = main(["demo", "--data", str(words), *TINY, *blocks, "--chip-clips", "8", "-o", str(tmp_path / "again")])
    again = json.loads((tmp_path / "again" / "road.json").read_text())
    assert code == 0
    assert again["accuracy"] == first["accuracy"]
    assert (tmp_path / "again" / "model.int8.tflite").read_bytes() == (out / "model.int8.tflite").read_bytes()
