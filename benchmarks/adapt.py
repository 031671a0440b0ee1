"""Adaptation of frozen models: reprogramming, adapters, Voice2Series, partition, and the way to the chip.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/adapt.py --work runs/adapt [--parts reprogram,adapter] [--report]

Sources are trained here, without downloads: a picture classifier on scikit-learn's digits and drawn shapes; a small
AST, an attention BiLSTM and a VGGish on 24 synthesised words, a MobileNetV3 on 79, none a word of the tasks.
Finished rows lie in ``WORK/rows.jsonl``; stop the benchmark and start it again at any time. ``--report`` measures
nothing. Few-shot curves are drawn into WORK.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adapt_choice
import adapt_edge
import adapt_few
import adapt_series
import adapt_speakers
from adapt_figures import draw_curves
from adapt_rows import Row, Rows, tasks
from adapt_summary import few_shot_rows, summarise
from results_file import write_results

from edgekit.adapt.picture_source import train_picture_source
from edgekit.api.data import synthesise
from edgekit.api.train import train
from edgekit.data.synth.config import SynthConfig
from edgekit.data.synth.words import UNKNOWN_WORDS

WORDS = (
    *("right", "left", "house", "tree", "cat", "dog", "bird", "happy", "wow", "learn", "forward", "backward"),
    *("follow", "visual", "bed", "marvin", "sheila", "table", "garden", "winter", "yellow", "orange", "music", "river"),
)
MANY_WORDS = tuple(sorted({*WORDS, *UNKNOWN_WORDS[::2]}))
"""None of them a word of FSDD or DSPSpeech: the picture source of spectrograms learns to tell them apart."""
NARROW = (
    "frontend.fields.sample_rate=8000",
    "frontend.fields.clip_samples=8000",
    "frontend.fields.window_length=256",
    "frontend.fields.n_fft=256",
    "frontend.fields.hop_length=128",
    "frontend.fields.padding=none",
    "frontend.fields.f_max=4000",
)
"""The sources of Voice2Series at half the rate: half the time."""
ACOUSTIC = {
    "attention-bilstm-8k": ("v2s-attention-bilstm", "model.arguments.hidden=32"),
    "vggish-8k": ("v2s-vggish",),
}
"""Runs by name: recipe, and what makes the network narrower."""
PARTS = ("choice", "reprogram", "adapter", "voice2series", "partition", "edge")


def words(work: Path, rate: int, voices: int, spoken: tuple[str, ...] = WORDS) -> Path:
    """Synthesised words at ``rate``, split by voice."""
    folder = work / (f"words-{rate}" if spoken is WORDS else f"words-{rate}-{len(spoken)}")
    config = SynthConfig(
        words=spoken,
        voices=voices,
        takes=1,
        rate=rate,
        unknown_words=(),
        unknown=0,
        silence=0,
        snr_db=(10.0, 40.0),
    )
    synthesise(config, folder)
    return folder


def source_run(recipe: str, data: Path, out: Path, further: tuple[str, ...] = ()) -> Path:
    """A source of audio, trained to its end or found."""
    overrides = ["schedule.keep=last", "schedule.valid_every=10", *further]
    train(recipe, data, out, overrides=overrides, device="cpu")
    return out


def word_pictures(work: Path) -> Path:
    """A classifier of spectrograms of many words: the acoustic source of reprogramming."""
    data = words(work, 8000, 60, MANY_WORDS)
    return source_run("words-mobilenet", data, work / "words-mobilenet")


def picture_source(work: Path) -> Path:
    """The source of pictures, trained or found."""
    file = work / "pictures.safetensors"
    if not file.is_file():
        print(train_picture_source(file, progress=lambda *_: None), flush=True)
    return file


def measured(parts: list[str], sets: list[str], sources: list[str], rows: Rows, work: Path) -> Iterator[Row]:
    """All rows of the parts; those of reprogramming on the named sets, from the named sources."""
    root = Path(os.environ["EDGEKIT_DATA"])
    if "choice" in parts:
        yield from adapt_choice.tried(rows, tasks(root)[1], picture_source(work), work)
    if "reprogram" in parts:
        for task in (task for task in tasks(root) if task.name in sets):
            if "pictures" in sources:
                yield from adapt_few.reprogrammed(rows, task, picture_source(work), work)
            if task.name.endswith("-chosen"):
                continue
            yield from adapt_few.from_scratch(rows, task, work)
            if "words" in sources:
                yield from adapt_few.reprogrammed(rows, task, word_pictures(work), work, adapt_few.PROGRAMS)
    if "adapter" in parts:
        ast = source_run("ast-small", words(work, 8000, 80), work / "ast-small")
        yield from adapt_few.adapted(rows, tasks(root)[0], ast, work)
    if "voice2series" in parts:
        data = words(work, 8000, 80)
        acoustic = tuple(
            source_run(recipe, data, work / name, (*NARROW, *narrower))
            for name, (recipe, *narrower) in ACOUSTIC.items()
        )
        yield from adapt_series.reprogrammed(rows, acoustic, data, work)
    if "partition" in parts:
        yield from adapt_speakers.partitioned(rows, root, work)
    if "edge" in parts:
        yield from adapt_edge.to_the_edge(rows, tasks(root)[0], work)


def _place(row: Row) -> tuple[Any, ...]:
    """Rows of one part, set, source and method together, small sets and early draws first."""
    named = tuple(
        str(row.get(key, "")) for key in ("part", "dataset", "source", "setting", "method", "model", "problem")
    )
    return (*named, *(row.get(key, 0) for key in ("clips_per_class", "seed", "partition")))


def main() -> None:
    """Measure what is missing, print tables and write ``benchmarks/results/adapt.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of sources, runs and finished rows")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--sets", default="fsdd,dspspeech,dspspeech-chosen", help="of reprogramming")
    parser.add_argument("--sources", default="pictures,words", help="of reprogramming")
    parser.add_argument("--report", action="store_true", help="write the results of the finished rows only")
    arguments = parser.parse_args()
    rows = Rows(arguments.work / "rows.jsonl")
    if not arguments.report:
        chosen = (value.split(",") for value in (arguments.parts, arguments.sets, arguments.sources))
        for _ in measured(*chosen, rows, arguments.work):
            pass
    found = sorted(rows.done.values(), key=_place)
    summary = summarise(found)
    write_results("adapt", found, shown=few_shot_rows(summary), summary=summary)
    print("\n".join(str(path) for path in draw_curves(summary, arguments.work)))


if __name__ == "__main__":
    main()
