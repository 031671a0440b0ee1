"""``demo``: the whole road on synthesised keywords or on given recordings, with a table and a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.road import RoadConfig, RoadResult, travel
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.data.datasets import read_manifest

if TYPE_CHECKING:
    from edgekit.data.synth.config import SynthConfig

WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
PAGE = "report.html"
SYNTHETIC_CHIP_CLIPS = 120


def demo_words(seed: int = 0) -> SynthConfig:
    """The default set: eight keywords, unknown words and silence, by voices that never cross splits."""
    from edgekit.data.synth.config import SynthConfig

    shares = (0.8, 0.1, 0.1)
    return SynthConfig(
        words=WORDS, voices=100, takes=5, silence=500, seed=seed, shares=shares, snr_db=(10.0, 30.0), format="wav"
    )


def demo(
    out: str | Path,
    *,
    data: str | Path | None = None,
    config: RoadConfig | None = None,
    progress: Progress = silent,
) -> RoadResult:
    """Run the road and write ``report.html`` beside its artifacts.

    Args:
        out: folder for everything; an interrupted demo goes on.
        data: manifest or path of a data set; None synthesises keywords.
        config: what to do on the way; by default all test clips of ``data`` are run on the chip, and a sample of
            the synthesised ones.
        progress: told about every long step.

    Raises:
        EdgekitError: as :func:`edgekit.api.road.travel` and the synthesis.
    """
    from edgekit.api.road_page import write_road_page

    for module in ("torch", "lightning", "unicorn", "elftools", "matplotlib", "jinja2"):
        require(module, "all")  # said now, not after minutes of training
    folder = Path(out)
    settings = config or RoadConfig(chip_clips=None if data is not None else SYNTHETIC_CHIP_CLIPS)
    if data is None:
        from edgekit.api.data import synthesise

        require("espeakng_loader", "all")
        manifest = synthesise(demo_words(), folder / "words", progress)
    else:
        manifest = read_manifest(data)
    result = travel(manifest, replace(settings), folder, progress)
    write_road_page(result, manifest, settings.budget, folder / PAGE)
    return result
