"""Commands of documents: found in their blocks, and filled in so that they run on small things (tests/shelf.py)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shelf import QUICK

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_INLINE = re.compile(r"`(edgekit [a-z][^`]*)`")
_OPTIONAL = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]")


@dataclass(frozen=True)
class Command:
    """One line of a block: its words as written."""

    page: str
    text: str


def name(page: Path) -> str:
    """Path of a page below the checkout, without ``docs/``."""
    return str(page.relative_to(ROOT)).removeprefix("docs/")


def mentions(page: Path) -> Iterator[str]:
    """Every command of a page, in blocks and in the text."""
    yield from (command.text for command in commands(page))
    joined = re.sub(r"\\\n\s+", " ", page.read_text("utf-8"))
    yield from _INLINE.findall(re.sub(r"\s*\n\s*", " ", joined))


def commands(page: Path) -> Iterator[Command]:
    """Commands of a page's blocks in their order."""
    text = re.sub(r"\\\n\s+", " ", page.read_text("utf-8"))
    fence = ""
    for line in text.splitlines():
        plain = line.strip()
        if plain.startswith("```"):
            fence = "" if fence else plain[3:] or "text"
        elif fence == "sh" or (not fence and line.startswith("    ")):
            plain = plain.removeprefix("$ ").removeprefix(".venv/bin/")
            if plain.startswith(("edgekit ", "python examples/")):
                yield from _split(name(page), plain)


def _split(page: str, line: str) -> Iterator[Command]:
    for part in re.split(r"\s+#\s|\s{3,}", line)[0].split("&&"):
        yield Command(page, part.strip())


_PLACEHOLDERS = {
    "MODEL": "model.tflite", "MANIFEST": "words", "DATA": "words", "SET": "words", "REAL": "words",
    "RECIPE": "kws-dscnn", "NAME": "thesis-128kB-30MMAC", "BASE": "model.onnx", "HEAD": "head.onnx", "A": "run",
    "B": "second", "SPEC": "kws-logmel-40", "PLAN": "one-of-each", "T": "cortex-m4", "SPACE.toml": "space.toml",
    "AUDIO": "clip.wav", "TABLE.csv": "table.csv", "fsdd:DIR": "fsdd:words",
    "MODEL.tflite": "model.tflite", "M": "model.tflite",
}  # fmt: skip
"""Words in capitals that stand for something of the reader's."""


def words_of(command: Command) -> list[str]:
    """The arguments of a command, without the program: what is optional left out, placeholders filled, sizes small."""
    text = _OPTIONAL.sub(" ", command.text) if "={" not in command.text else command.text
    text = re.sub(r"(?<=\S)\|\S+", "", text.replace('"…"', "anything").replace("…", " "))
    runs = iter(("run", "second", "plain"))  # RUN RUN RUN are three runs
    text = re.split(r" >>? |\s{2,}", text.strip())[0] if " run " in text else text.split(" > ")[0]
    found = [next(runs) if word == "RUN" else _PLACEHOLDERS.get(word, word) for word in shlex.split(text)]
    if found[1] == "run" and "--stream" in found:
        found = ["word.tflite" if word == "model.tflite" else word for word in found]
    for position, word in enumerate(found):
        prefix, mark, rest = word.partition("@")
        if mark and prefix in _PLACEHOLDERS:
            found[position] = f"{_PLACEHOLDERS[prefix]}@{rest}"
    if any(word in ("--prune", "--cluster", "--weights") for word in found):
        larger = {"model.onnx": "wide.onnx", "run": "wide"}  # the small model has nothing to spare
        found = [larger.get(word, word) for word in found]
    written_anew = found[1] == "train" and "-o RUN" in text  # a reader's own folder, not the one above
    return [*_small(found), *(["--overwrite"] if written_anew else [])]


def redirected(command: Command) -> str:
    """File that a command's output goes into, "" where it goes to the terminal."""
    _, mark, file = command.text.partition(" > ")
    return file.strip() if mark else ""


_SMALLER = {"--voices": "10", "--takes": "1", "--views": "1", "--trials": "1", "--seconds": "1"}
_BRIEF = tuple(setting for setting in QUICK if setting.startswith("schedule."))


def _small(words: list[str]) -> Iterator[str]:
    """Fewer voices, epochs and clips than a reader wants."""
    for before, word in zip(["", *words], words, strict=False):
        yield _SMALLER.get(before, word)
    if words[1] in ("train", "distill", "sweep") and "-o" in words and words[2].startswith("kws-"):
        kept = [word for word in words if word.startswith(("model.", "frontend."))]
        for setting in QUICK:
            if not (kept and setting.startswith("model.")):
                yield from ("--set", setting)
    elif words[1] in ("train", "distill", "adapt") and "-o" in words:
        yield from ("--set", "schedule.epochs=1")
        if words[2].startswith(("v2s-", "speaker-")):
            yield from ("--set", "schedule.batch_size=16", "--set", "schedule.warmup_epochs=0")
    if words[1] == "voice2series":
        yield from ("--epochs", "1", "--placement", "pad", "--each", "1")
    if words[1:3] == ["data", "synth"] and "--voices" not in words:
        yield from ("--voices", "10", "--takes", "1")
    if words[1] == "run" and not any(word.endswith((".wav", "-unit", "clips")) or word == "-" for word in words):
        yield from ("--seconds", "2")  # of the microphone
    if words[1] == "demo":
        yield from ("--data", "recordings", "--chip-clips", "2")
        for setting in QUICK:
            yield from ("--set", setting)
    if words[1] == "wake":
        for setting in (*_BRIEF, "model.arguments.channels=[32,32,32,32]"):
            yield from ("--set", setting)
    if words[1:3] == ["source", "pictures"]:
        yield from ("--per-class", "4", "--epochs", "1")
    if words[1] == "bench" and "--clips" not in words:
        yield from ("--clips", "2")
    if words[1] == "quantize" and "--qat" in words:
        yield from ("--epochs", "1")
