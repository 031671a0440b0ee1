"""Things that documents and examples start from, made once and small: recordings, runs, models, by their names there.

A test that runs a document's commands works in a folder of its own, into which :meth:`Shelf.lend` links what a command
names and what is not there yet.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import soundfile
from onnx import TensorProto, helper, numpy_helper

import edgekit
from edgekit.detect.settings import DetectorSettings
from edgekit.features.presets import PRESETS
from edgekit.features.spec_file import load_spec

RATE, WORDS, SPEAKERS = 16_000, ("no", "stop", "yes"), ("spk00", "spk01", "theo", "lucas", "george", "spk21")
QUICK = (
    "schedule.epochs=1",
    "schedule.batch_size=8",
    "schedule.warmup_epochs=0",
    "model.arguments.channels=[8,8]",
    "model.arguments.block_strides=[[2,2]]",
)
"""Settings with which kws-dscnn trains in about a second."""
WIDE = "model.arguments.channels=[24,24]"
"""On top of QUICK: channels to remove, layers of more than 256 weights."""
_SPLITS = {"theo": "validation", "lucas": "test", "spk21": "test"}


class Shelf:
    """Makes each thing when it is first asked for.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Callable[[Path], object]] = {
            "words": _words,
            "recordings": _words,
            **dict.fromkeys(("room-train", "room-dev"), self._copy("words")),
            "fsdd": lambda path: _words(path, "0123456789", 1, splits={}),
            "clip.wav": _clip,
            "space.toml": _space,
            "table.csv": _table,
            "features.npz": self._features,
            "run": lambda path: edgekit.train("kws-dscnn", self["words"], path, overrides=QUICK),
            "second": lambda path: edgekit.train("kws-dscnn", self["words"], path, overrides=(*QUICK, "seed=1")),
            "plain": self._copy("run"),
            "distilled": self._copy("second"),
            "runs/a": self._copy("run"),
            "runs/b": self._copy("second"),
            "exported": lambda path: edgekit.export(self["run"], path),
            **dict.fromkeys(("model.onnx", "head.onnx"), self._copy("exported/model.onnx")),
            "model.tflite": lambda path: edgekit.quantize(
                self["exported"] / "model.onnx", calibration=self["words"], out=path
            ),
            "model.qdq.onnx": lambda path: self["model.tflite"],  # written beside it
            **dict.fromkeys(("model.int8.tflite", "a.tflite", "b.tflite"), self._copy("model.tflite")),
            "models": self._models,
            "causal": lambda path: edgekit.train("kws-dscnn", self["words"], path, overrides=QUICK, causal=True),
            "word.tflite": self._word,
            "lantern": self._lantern,
            "detector.json": _detector,
            "day.wav": _day,
            "demo-out": self._demo,
            "runs/ast": _transformer,
            "pictures.safetensors": _pictures,
            "squeezenet1_1.pth": _weights,
            "wide": lambda path: edgekit.train("kws-dscnn", self["words"], path, overrides=(*QUICK, WIDE)),
            "wide.onnx": lambda path: edgekit.export(self["wide"], path.parent / "exported wide").model.rename(path),
            **dict.fromkeys(("GunPoint_TRAIN.ts", "GunPoint_TEST.ts"), _series),
        }

    def __contains__(self, name: str) -> bool:
        return name in self._made

    def __getitem__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made[name](path)
        return path

    def lend(self, name: str, folder: Path, called: str | None = None) -> None:
        """Put a copy of the thing into ``folder``, unless something of that name is there."""
        place = folder / (called or name)
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        source = self[name]
        if name == "words":
            place.symlink_to(source)
        elif source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copy(source, place)

    def _copy(self, name: str) -> Callable[[Path], object]:
        def copy(path: Path) -> None:
            thing, _, part = name.partition("/")
            source = self[thing] / part if part else self[thing]
            _ = shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)

        return copy

    def _features(self, path: Path) -> None:
        shape = load_spec(self["exported"] / "frontend.json").input_shape
        np.savez(path, np.random.default_rng(0).normal(size=(16, *shape[1:])).astype(np.float32))

    def _word(self, path: Path) -> None:
        """An int8 model that streams."""
        exported = edgekit.export(self["causal"], path.parent / "exported causal")
        edgekit.quantize(exported.model, calibration=self["words"], out=path)

    def _lantern(self, path: Path) -> None:
        """A detector as ``edgekit wake`` leaves one, of another word than its name says."""
        path.mkdir()
        shutil.copy(self["word.tflite"], path / "model.int8.tflite")
        _detector(path / "detector.json")

    def _demo(self, path: Path) -> None:
        """What ``edgekit demo`` leaves, but for the report."""
        path.mkdir()
        shutil.copytree(self["run"], path / "run")
        shutil.copytree(self["words"], path / "words")
        shutil.copytree(self["exported"], path / "export")
        shutil.copy(self["model.tflite"], path / "model.int8.tflite")

    def _models(self, path: Path) -> None:
        """A folder for the gate: one model within a budget of 128 kB, one over it."""
        path.mkdir()
        shutil.copy(self["model.tflite"], path / "good.tflite")
        weights = numpy_helper.from_array(np.zeros((40_000, 4), np.float32), "w")
        x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in (("x", 40_000), ("y", 4)))
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "large", [x], [y], [weights])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, path / "large.onnx")


def _tone(rng: np.random.Generator, word: float) -> np.ndarray:
    time = np.arange(RATE) / RATE
    envelope = np.exp(-(((time - 0.5) / 0.15) ** 2))
    pitch = 300 * 2**word * rng.uniform(0.95, 1.05)
    return (0.3 * envelope * np.sin(2 * np.pi * pitch * time) + 0.002 * rng.normal(size=RATE)).astype(np.float32)


def _words(path: Path, words: Sequence[str] = WORDS, takes: int = 4, splits: Mapping[str, str] = _SPLITS) -> None:
    """Words that are tones (three: an octave apart) by six speakers of three splits; a CSV manifest beside them."""
    rng = np.random.default_rng(0)
    path.mkdir(parents=True)
    rows = ["path,label,split,speaker"]
    for speaker in SPEAKERS:
        for word, label in enumerate(words):
            for take in range(takes):
                name = f"{label}_{speaker}_{take}.wav"
                soundfile.write(path / name, _tone(rng, 3 * word / len(words)), RATE)
                rows.append(f"{name},{label},{splits.get(speaker, 'train')},{speaker}")
    (path / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _clip(path: Path) -> None:
    soundfile.write(path, _tone(np.random.default_rng(1), 2), RATE)


def _day(path: Path) -> None:
    """A short day: ten seconds, a word in each."""
    rng = np.random.default_rng(2)
    soundfile.write(path, np.concatenate([_tone(rng, word % 3) for word in range(10)]), RATE)


def _detector(path: Path) -> None:
    """Of the third class of WORDS, a decision every 160 ms."""
    settings = DetectorSettings(outputs=3, keywords=(2,), thresholds=(9000,), smoothing=2, refractory=3)
    path.write_text(json.dumps({"schema_version": 1, "step_ms": 160.0, **settings.to_json()}), encoding="utf-8")


def _transformer(path: Path) -> None:
    """A run of a small transformer with random weights, as a source to adapt."""
    from edgekit.models.registry import build_model
    from edgekit.train.checkpoint import Checkpoint, save_checkpoint

    spec = PRESETS["kws-logmel-40"].replace(padding="none", mel_bins=32, layout="freq_time")
    arguments = {"input_shape": list(spec.input_shape[1:3]), "patch": 16, "stride": 16, "layers": 2, "width": 16}
    model = build_model("small-vit", **arguments, heads=2, classes=3)
    path.mkdir(parents=True)
    checkpoint = Checkpoint("small-vit", {**arguments, "heads": 2, "classes": 3}, spec, WORDS, model.state_dict())
    save_checkpoint(checkpoint, path / "checkpoint.safetensors")


def _pictures(path: Path) -> None:
    """A classifier of twelve kinds of pictures with random weights."""
    from edgekit.adapt.source import save_picture_source
    from edgekit.models.registry import build_model

    arguments = {"classes": 12, "width": 0.2}
    labels = tuple(f"shape-{number}" for number in range(12))
    weights = build_model("mobilenet-v3", **arguments).state_dict()
    save_picture_source(path, "mobilenet-v3", arguments, labels, (1, 64, 64), weights)


def _weights(path: Path) -> None:
    from public_weights import save_weights

    save_weights(path)


def _series(path: Path) -> None:
    """Twelve slow and twelve fast series."""
    rng = np.random.default_rng(len(path.name))
    lines = ["@problemName GunPoint", "@timeStamps false", "@classLabel true slow fast", "@data"]
    for number in range(24):
        wave = np.sin((0.1, 0.8)[number % 2] * np.arange(60) + rng.uniform(0, 6)) + 0.1 * rng.normal(size=60)
        lines.append(",".join(f"{value:.4f}" for value in wave) + (":slow", ":fast")[number % 2])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _space(path: Path) -> None:
    path.write_text(
        'objectives = ["macro_accuracy", "macs"]\ntrials = 1\n[space]\n'
        '"optimiser.learning_rate" = { low = 1e-3, high = 1e-2, log = true }\n',
        encoding="utf-8",
    )


def _table(path: Path) -> None:
    path.write_text("name,accuracy,memory,macs\na,0.6,60000,1000000\nb,0.5,30000,500000\n", encoding="utf-8")
