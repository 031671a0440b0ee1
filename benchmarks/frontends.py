"""Scalograms beside log-mel: what they cost, and what a small network learns from them.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/frontends.py

DSPSpeech at 8 kHz, 1.98 seconds, 40 bins x 100 frames for every front-end: speakers 00 to 17 train, 21 to 25 test. The
features are computed once (and timed, torch in float32 on one core, as in training), scaled by the training clips' mean
and deviation, and learnt by a CP-Mobile of 14 k parameters (C 16, m 1.5, e 2), with random shifts of whole frames as
the only augmentation. One seed: differences of a point or two mean nothing with this many test clips.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from results_file import write_results
from torch.nn import functional

from edgekit.budget.frontend_cost import frontend_macs
from edgekit.cli.progress import progress_bar
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.selector import select_clips
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model

RATE, SAMPLES, EPOCHS, BATCH, SEED = 8_000, 15_840, 24, 64, 0  # so long that 16,384 points hold clip and wavelet
TRAIN, TEST = "speaker=spk00..spk17", "speaker=spk21..spk25"
SHIFT_FRAMES = 12

LOGMEL = PRESETS["kws-logmel-40"].replace(
    sample_rate=RATE, clip_samples=SAMPLES, window_length=240, n_fft=256, f_min=60.0, f_max=3800.0
)
# A sine of full scale shows as about (120/2)² in a log-mel (half the window's sum, squared) and as 1 in a scalogram.
# The same floor is therefore 36 dB higher in the latter, where it hides more of the room: both are compared.
FRONT_ENDS: dict[str, FrontendSpec] = {
    "log-mel": LOGMEL,
    "log-mel, floor -60 dB": LOGMEL.replace(log_floor=LOGMEL.log_floor * 60.0**2),
    "scalogram, Morlet 6, floor -60 dB": LOGMEL.replace(kind="scalogram", morlet=6.0),
    "scalogram, Morlet 12, floor -60 dB": LOGMEL.replace(kind="scalogram", morlet=12.0),
}


def main() -> None:
    """Time and train every front-end."""
    root = Path(os.environ.get("EDGEKIT_DATA", "")) / "dspspeech"
    if not os.environ.get("EDGEKIT_DATA") or not root.is_dir():
        sys.exit("set EDGEKIT_DATA to the folder of the data sets")
    torch.set_num_threads(1)
    manifest = read_manifest(root)
    with progress_bar() as progress:
        train, test = (AudioCache(select_clips(manifest, which), RATE, progress=progress) for which in (TRAIN, TEST))
    features(LOGMEL, train)  # what a process does first is slow: pages, plans
    rows: list[dict[str, object]] = []
    for name, spec in FRONT_ENDS.items():
        macs = int(frontend_macs(spec).value)
        (x, milliseconds), (x_test, _) = features(spec, train), features(spec, test)
        centre, spread = x.mean(), x.std()
        accuracy = learn((x - centre) / spread, targets(train), (x_test - centre) / spread, targets(test))
        rows.append(
            {
                "front_end": name,
                "shape": "x".join(map(str, spec.feature_shape)),
                "macs_per_clip": macs,
                "macs_ratio": macs / float(str(rows[0]["macs_per_clip"])) if rows else 1.0,
                "ms_per_clip": milliseconds,
                "time_ratio": milliseconds / float(str(rows[0]["ms_per_clip"])) if rows else 1.0,
                "accuracy": accuracy,
                "test_clips": len(test),
                "epochs": EPOCHS,
                "seed": SEED,
            }
        )
        write_results("frontends", rows)


def features(spec: FrontendSpec, cache: AudioCache) -> tuple[torch.Tensor, float]:
    """Features of all clips, float32 [clips, 1, H, W], and the milliseconds a clip, the median over batches."""
    front, parts, times = TorchFrontend(spec, torch.float32), [], []
    indices = np.arange(len(cache))
    for first in range(0, len(cache), 32):
        some = indices[first : first + 32]
        pcm = torch.from_numpy(cache.windows(some, spec.clip_samples, np.zeros(len(some), np.int64)))
        start = time.process_time()  # of this process alone: the machine may be busy
        parts.append(front(pcm))
        times.append((time.process_time() - start) / len(some))
    return torch.cat(parts), 1000.0 * float(np.median(times))


def targets(cache: AudioCache) -> torch.Tensor:
    """Class index of each clip."""
    return torch.tensor([cache.manifest.labels.index(clip.label) for clip in cache.manifest.clips])


def learn(x: torch.Tensor, y: torch.Tensor, x_test: torch.Tensor, y_test: torch.Tensor) -> float:
    """Accuracy on the test clips after EPOCHS passes."""
    torch.manual_seed(SEED)
    model = build_model("cp-mobile", classes=int(y.max()) + 1, base_channels=16, multiplier=1.5, expansion=2.0)
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=0.02)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps, pct_start=0.15)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        model.train()
        for first in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[first : first + BATCH]
            by = int(torch.randint(-SHIFT_FRAMES, SHIFT_FRAMES + 1, ()))
            loss = functional.cross_entropy(model(x[chosen].roll(by, -1)), y[chosen], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        found = torch.cat([model(part).argmax(1) for part in x_test.split(256)])
    return float((found == y_test).float().mean())


if __name__ == "__main__":
    main()
