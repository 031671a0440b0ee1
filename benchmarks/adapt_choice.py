"""How the settings of reprogramming were chosen on DSPSpeech: by training speakers that the trials held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapt_few import run_few
from adapt_rows import Row, Rows, Task, parted

HELD = tuple(f"spk{number}" for number in range(16, 21))
"""Training speakers of DSPSpeech; the test speakers are not heard here."""
METHODS = ("reprogram-dual", "reprogram-waveform")
SIZES, SEEDS = (10, 50), (10, 11)
_DECAY, _SPEED = "optimiser.weight_decay=1.0", "augment.speed=0.15"
_NOISE = ("augment.noise_probability=0.5", "augment.noise_snr_db=[5,35]", "augment.shift_ms=120")
SETTINGS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "as on FSDD": (200, 128, ()),
    "hop 256": (200, 256, ()),
    "weight decay 1": (200, 128, (_DECAY,)),
    "hop 256, weight decay 1": (200, 256, (_DECAY,)),
    "hop 256, 400 steps": (400, 256, ()),
    "hop 256, 400 steps, weight decay 1": (400, 256, (_DECAY,)),
    "hop 256, 400 steps, speed and noise": (400, 256, (_SPEED, *_NOISE)),
}
"""Steps, hop and further overrides by name."""


def tried(rows: Rows, task: Task, source: Path, work: Path) -> Iterator[Row]:
    """Every setting at both sizes and draws, judged on the held speakers."""
    known, unseen = parted(task.train, HELD)
    for setting, (steps, hop, more) in SETTINGS.items():
        held = replace(task, train=known, test=unseen, hop=hop, steps=steps)
        for seed in SEEDS:
            for size in SIZES:
                for method in METHODS:
                    about: dict[str, Any] = {"part": "choice", "dataset": task.name, "setting": setting}
                    about |= {"clips_per_class": size, "method": method, "seed": seed}
                    yield rows.get(about, lambda: run_few(method, source, held, size, seed, work, steps, more))  # noqa: B023
