"""Feature partition and fusion in speaker models: equal error rate, parameters and MACs before and after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from adapt_rows import Row, Rows
from torch.utils.flop_counter import FlopCounterMode

from edgekit.api.data import relabel_sets
from edgekit.api.train import train
from edgekit.api.verify import verify_speakers
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Manifest
from edgekit.data.selector import select_clips
from edgekit.train.checkpoint import Checkpoint, load_checkpoint

MODELS = {
    "speaker-resnet34": ("speaker-resnet34", 10, (0, 1), ("model.arguments.width=8",)),
    "speaker-ecapa": ("ecapa-tdnn", 15, (0, 1), ()),
    "speaker-amcrn": ("amcrn", 6, (0, 1), ("model.arguments.width=16",)),
}
"""Recipe: model, epochs, seeds, and what makes it small enough to train here."""
PARTITIONS = (1, 2, 4)
TRAIN = {"fsdd": "speaker=george,jackson,nicolas", "dspspeech": "speaker=spk00..spk17"}
TEST = {"fsdd": "speaker=lucas,theo,yweweler", "dspspeech": "speaker=spk18..spk25"}


def partitioned(rows: Rows, root: Path, work: Path) -> Iterator[Row]:
    """Every model plain and with 2 and 4 subsets."""
    for recipe, (model, epochs, seeds, small) in MODELS.items():
        for seed in seeds:
            for partition in PARTITIONS:
                about = {"part": "partition", "model": model, "partition": partition, "seed": seed, "epochs": epochs}
                overrides = [f"seed={seed}", f"schedule.epochs={epochs}", f"model.arguments.partition={partition}"]
                yield rows.get(about, lambda: _speakers(recipe, [*overrides, *small], root, work))  # noqa: B023


def _speakers(recipe: str, overrides: list[str], root: Path, work: Path) -> dict[str, Any]:
    """Train on 21 speakers, verify 11 others; pairs lie within one data set."""
    work.mkdir(parents=True, exist_ok=True)
    lists = []
    for name, select in TRAIN.items():
        lists.append(work / f"{name}-speakers.csv")
        relabel_sets([str(root / name)], "speaker", lists[-1], select)
    both = work / "speakers.csv"
    both.write_text(lists[0].read_text() + "".join(lists[1].read_text().splitlines(keepends=True)[1:]))
    out = work / "-".join(["speakers", recipe, *(value.rpartition("=")[2] for value in overrides)])
    train(recipe, both, out, train_select="all", overrides=overrides, device="cpu")
    checkpoint = load_checkpoint(out)
    told = {name: verify_speakers(out, root / name, select=select).verification for name, select in TEST.items()}
    together = verify_speakers(out, [_selected(root / name, TEST[name]) for name in TEST])
    return {
        "parameters": sum(value.numel() for value in checkpoint.build().parameters()),
        "macs_true": _macs(checkpoint),
        "eer": together.verification.eer,
        "min_dcf": together.verification.min_dcf,
        "trials": together.verification.trials,
        **{f"eer_{name}": item.eer for name, item in told.items()},
    }


def _selected(path: Path, select: str) -> Manifest:
    return select_clips(read_manifest(path), select)


def _macs(checkpoint: Checkpoint) -> int:
    """Multiply-accumulates of one clip by torch's own counter (it counts each as two operations)."""
    height, width = checkpoint.frontend.input_shape[1:3]
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        checkpoint.build()(torch.zeros(1, 1, height, width))
    return counter.get_total_flops() // 2
