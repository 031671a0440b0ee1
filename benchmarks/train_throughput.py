"""How fast training runs, and how much of it is not the model: clips/s, and the ratio to bare forward and backward.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/train_throughput.py [--steps 20] [--device cpu|cuda]

Two runs, each through the same loop as ``edgekit train``: CP-Mobile 61 k with the full recipe (features, shift,
Freq-MixStyle, impulse responses, mixup, distillation from stored logits), and PaSST fine-tuning with six rows of
structured patchout in bfloat16. On a CPU a bare forward and backward of the same model on the same batch follows every
step, so that both see the same machine. ``overhead`` is what the step takes longer by the clock; where a core is spare
the next batch is made there meanwhile. On a machine that does other work as well, the clock says little:
``overhead_thread`` is what the training thread works more (what the clock would say with a core to spare),
``overhead_work`` what all threads together work more (without one). On a GPU the steps are timed in one go, with the
share of the card's peak.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from lightning.pytorch import Callback
from results_file import write_results
from torch.utils.flop_counter import FlopCounterMode

from edgekit.data.cache import AudioCache
from edgekit.data.manifest import Clip, Manifest
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model
from edgekit.train.dataset import ClipBatches
from edgekit.train.distillation.module import DistilledModule
from edgekit.train.distillation.stored import StoredLogits
from edgekit.train.distillation.views import ViewPlan
from edgekit.train.loop import StepNumbers, make_trainer
from edgekit.train.module import StudentModule
from edgekit.train.recipe import Recipe
from edgekit.train.recipe_file import recipe_from
from edgekit.train.surroundings import quiet

RATE, LABELS = 32_000, tuple(f"scene{i}" for i in range(10))
PEAK_TFLOPS = {"H100": {"bfloat16": 989.0, "float32": 67.0}, "H200": {"bfloat16": 989.0, "float32": 67.0}}
"""Dense peak of the SXM cards by their data sheet; float32 without tensor cores."""
WARM = 3  # steps that are not counted


def student_recipe(responses: Path, batch: int) -> Recipe:
    """CP-Mobile 61 k as it is trained under stored logits."""
    return recipe_from(
        {
            "name": "cp-mobile-61k, full recipe",
            "frontend": {"preset": "dcase2023", "normalise": "spec"},
            "model": {"name": "cp-mobile-61k"},
            "optimiser": {"learning_rate": 1e-3},
            "schedule": {"epochs": 1000, "batch_size": batch, "ema_decay": 0.995},
            "augment": {
                "shift_ms": 125.0,
                "mixstyle_probability": 0.4,
                "mixstyle_alpha": 0.3,
                "mixup_probability": 1.0,
                "impulse_probability": 0.6,
                "impulse_responses": str(responses),
            },
            "distillation": {"logits": "hinton", "weight": 0.98, "temperature": 2.0},
        }
    )


def teacher_recipe(batch: int) -> Recipe:
    """PaSST as it is fine-tuned."""
    return recipe_from(
        {
            "name": "PaSST, 6-row patchout, bfloat16",
            "frontend": {"preset": "thesis-128x100", "normalise": "spec"},
            "model": {"name": "passt", "arguments": {"patchout_rows": 6}},
            "optimiser": {"learning_rate": 1e-5},
            "schedule": {"epochs": 1000, "batch_size": batch, "precision": "bfloat16"},
            "augment": {"shift_ms": 300.0, "mixstyle_probability": 0.4, "mixup_probability": 1.0},
        }
    )


def make_clips(folder: Path, count: int) -> AudioCache:
    """One-second clips of noise at 32 kHz, all of device a, and 66 short responses in ``folder/responses``."""
    draw = np.random.default_rng(0)
    clips = []
    for number in range(count):
        path = folder / f"{number}.wav"
        soundfile.write(path, draw.normal(0, 0.1, RATE), RATE, subtype="PCM_16")
        clips.append(Clip(path.name, path, LABELS[number % len(LABELS)], device="a"))
    (folder / "responses").mkdir()
    for number in range(66):
        taps = draw.normal(0, 1, 2000) * np.exp(-np.arange(2000) / 100.0)
        soundfile.write(folder / "responses" / f"{number}.wav", 0.5 * taps / np.abs(taps).max(), RATE)
    return AudioCache(Manifest("noise", folder, tuple(clips), LABELS), RATE, folder / "cache")


def make_module(recipe: Recipe, cache: AudioCache) -> StudentModule:
    """What ``edgekit train`` and ``edgekit distill`` would train, with random weights and random stored logits."""
    torch.manual_seed(0)
    spec = recipe.frontend.spec()
    model = build_model(recipe.model.name, **recipe.model.arguments, classes=len(LABELS))
    batches = ClipBatches(cache, LABELS, spec.clip_samples, recipe)
    parts = (model, TorchFrontend(spec), batches, None, recipe, LABELS)
    if recipe.distillation.off:
        return StudentModule(*parts)
    logits = np.random.default_rng(1).normal(0, 2, (len(cache), 1, len(LABELS))).astype(np.float32)
    return DistilledModule(*parts, StoredLogits(logits, np.tile([0.0, 1.0, 0.0], (len(cache), 1, 1)), ViewPlan()))


class Pairs(Callback):
    """Times each step, and after it a bare forward and backward of a copy of the model on the same features."""

    def __init__(self, module: StudentModule, device: torch.device, steps: int) -> None:
        self.steps, self.taken = steps, 0
        self.pairs: list[tuple[float, float]] = []  # seconds of a step, of the bare pass
        self.work: list[tuple[float, float]] = []  # the same in seconds of all this process' cores
        self.own: list[tuple[float, float]] = []  # and of the training thread alone
        model = copy.deepcopy(module.model).to(device).train()
        batch = module.clips.batch_size
        height, width = module.frontend.spec.input_shape[1:3]
        features = torch.randn(batch, 1, height, width, device=device).contiguous(memory_format=torch.channels_last)
        precision = torch.bfloat16 if module.recipe.schedule.precision == "bfloat16" else None
        self.bare = bare_pass(model, features, precision)
        self.started = clocks()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
        """Step done: note it, run the bare pass, and start the clocks again."""
        middle = clocks()
        self.bare()
        end = clocks()
        self.taken += 1
        if self.taken > WARM:
            for place, found in enumerate((self.pairs, self.work, self.own)):
                found.append((middle[place] - self.started[place], end[place] - middle[place]))
        trainer.should_stop = trainer.should_stop or len(self.pairs) >= self.steps
        self.started = clocks()


def clocks() -> tuple[float, float, float]:
    """Seconds on the wall, of work on all cores, and of work of this thread."""
    return time.perf_counter(), time.process_time(), time.thread_time()


def bare_pass(model: torch.nn.Module, features: torch.Tensor, precision: torch.dtype | None) -> Callable[[], None]:
    """Forward, cross-entropy and backward of ``model``, nothing else."""
    targets = torch.zeros(len(features), dtype=torch.int64, device=features.device)

    def run() -> None:
        for parameter in model.parameters():
            parameter.grad = None
        with torch.autocast(features.device.type, precision, enabled=precision is not None):
            loss = torch.nn.functional.cross_entropy(model(features), targets)
        loss.backward()

    return run


class Clock(Callback):
    """Times all steps after the first few in one go, as a GPU that runs ahead needs it."""

    def __init__(self, steps: int) -> None:
        self.steps, self.taken, self.started, self.seconds = steps, 0, 0.0, 0.0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
        """Wait for the device at the first and the last of the steps that count."""
        self.taken += 1
        if self.taken in (WARM, WARM + self.steps):
            torch.cuda.synchronize()
            self.seconds, self.started = time.perf_counter() - self.started, time.perf_counter()
        trainer.should_stop = trainer.should_stop or self.taken >= WARM + self.steps


def flops_a_clip(module: StudentModule) -> float:
    """Floating-point operations of forward and backward, as torch counts them (2 a multiply-accumulate)."""
    height, width = module.frontend.spec.input_shape[1:3]
    model = copy.deepcopy(module.model).cpu().train()
    run = bare_pass(model, torch.randn(2, 1, height, width), None)
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 2


def measure(recipe: Recipe, cache: AudioCache, device: torch.device, steps: int) -> dict[str, Any]:
    """One row of the table."""
    module = make_module(recipe, cache)
    batch, precision = module.clips.batch_size, recipe.schedule.precision
    flops = flops_a_clip(module)
    row: dict[str, Any] = {"run": recipe.name, "device": device.type, "batch": batch, "steps": steps}
    meter: Pairs | Clock = Clock(steps) if device.type == "cuda" else Pairs(module, device, steps)
    with quiet():
        trainer = make_trainer(recipe, device.type, 1, [meter])
        trainer.fit(module, train_dataloaders=StepNumbers(module.clips.steps))
    if isinstance(meter, Clock):
        rate = steps * batch / meter.seconds
        name = next((card for card in PEAK_TFLOPS if card in torch.cuda.get_device_name()), None)
        share = rate * flops / (PEAK_TFLOPS[name][precision] * 1e12) if name else None
        empty = dict.fromkeys(("bare_clips_per_s", "overhead", "overhead_thread", "overhead_work"))
        return {**row, "clips_per_s": rate, **empty, "share_of_peak": share}
    step = statistics.median(step for step, _ in meter.pairs)
    bare = statistics.median(bare for _, bare in meter.pairs)
    figures = {"clips_per_s": batch / step, "bare_clips_per_s": batch / bare}
    for name, found in (("", meter.pairs), ("_thread", meter.own), ("_work", meter.work)):
        figures[f"overhead{name}"] = statistics.median(step / bare for step, bare in found) - 1.0
    return {**row, **figures, "share_of_peak": None}


def main() -> None:
    """Measure both runs; print and write ``benchmarks/results/train_throughput.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--steps", type=int, default=0, help="steps that count; 0: 20 and 5, on a GPU 200")
    parser.add_argument("--only", choices=["student", "teacher"])
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    gpu = device.type == "cuda"
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = make_clips(folder, 4096 if gpu else 512)
        if arguments.only != "teacher":
            recipe = student_recipe(folder / "responses", 256 if gpu else 64)
            rows.append(measure(recipe, cache, device, arguments.steps or (200 if gpu else 20)))
        if arguments.only != "student":
            rows.append(
                measure(teacher_recipe(80 if gpu else 16), cache, device, arguments.steps or (200 if gpu else 5))
            )
    note = "" if gpu else "no GPU was available: figures of one are open; torch ran one thread"
    write_results("train_throughput", rows, note=note)


if __name__ == "__main__":
    main()
