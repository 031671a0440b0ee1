"""Render a keyword set: plan, worker processes, manifest; atomic, resumable, the same for every number of workers."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import selectors
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from edgekit.core.errors import DataError
from edgekit.core.files import write_json, write_text
from edgekit.core.progress import Progress, silent
from edgekit.data.datasets import read_manifest
from edgekit.data.lock import exclusive
from edgekit.data.manifest import Manifest
from edgekit.data.synth.config import SynthConfig
from edgekit.data.synth.espeak import library_version, list_variants
from edgekit.data.synth.plan import Take, plan_takes
from edgekit.data.synth.studio import Studio
from edgekit.data.synth.voices import SPLITS, plan_voices
from edgekit.data.synth.worker import BABBLE_WORDS

RECORD, LOCK = "synth.json", ".lock"
_GROUP = 400  # silence clips in one group: a voice's worth of work
_PATIENCE_S = 10.0
_HEADER = ("path", "label", "split", "speaker", "device", "sample_rate", "samples", "word", "noise", "snr_db", "room")


class ImpossibleTake(DataError):
    """A word cannot be said as planned: the same configuration would fail again."""


def synthesise(config: SynthConfig, folder: Path, progress: Progress = silent, workers: int | None = None) -> Manifest:
    """Render the set into ``folder`` and return its manifest.

    Interrupted, it goes on where it was when called again. The folder's ``synth.json`` records the configuration and
    the version of espeak-ng.

    Args:
        config: the set.
        folder: for the files; one that holds another set is refused.
        progress: told about rendered clips.
        workers: processes; the number of cores (at most 8) when None. It does not change the result.

    Raises:
        DataError: the folder holds another set, a word cannot be said or is too long, or a given folder is empty.
        BadConfigError: too many voices.
        MissingDependencyError: espeak-ng is not installed.
    """
    studio = Studio(config)
    voices = plan_voices(config, list_variants())
    takes = plan_takes(config, voices, studio.noises, studio.devices)
    record = {
        "schema_version": 1,
        "digest": config.digest,
        "espeakng_loader": library_version(),
        "recordings": _sizes(config.noise_folder, config.microphone_folder),
        **config.to_json(),
    }
    make_folder(folder)
    with exclusive(folder / LOCK):
        if not _claim(folder, record) or not all((folder / take.path).is_file() for take in takes):
            (folder / "manifest.csv").unlink(missing_ok=True)
            try:
                _run(config, folder, _groups(config, takes), progress, workers or min(8, os.cpu_count() or 1))
            except ImpossibleTake:
                _withdraw(folder, takes)
                raise
            _write_manifest(folder / "manifest.csv", config, takes)
    (folder / LOCK).unlink(missing_ok=True)
    return read_manifest(folder / "manifest.csv")


def _sizes(*folders: Path | None) -> list[list[Any]]:
    """Names and sizes of the user's recordings: a set made with others is another set."""
    files = (file for folder in folders if folder for file in sorted(folder.iterdir()) if file.is_file())
    return [[file.name, file.stat().st_size] for file in files]


def _withdraw(folder: Path, takes: Sequence[Take]) -> None:
    """Remove what was rendered of a set that cannot be completed."""
    for take in takes:
        (folder / take.path).unlink(missing_ok=True)
    for label in {(folder / take.path).parent for take in takes}:
        if label.is_dir() and not any(label.iterdir()):
            label.rmdir()
    (folder / RECORD).unlink()
    (folder / LOCK).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def make_folder(folder: Path) -> None:
    """Make the folder of a set.

    Raises:
        DataError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK).touch()
    except OSError as error:
        mend = "choose another folder"
        raise DataError(f"cannot write: {error.strerror}", where=str(folder), mend=mend) from error


def _claim(folder: Path, record: dict[str, Any]) -> bool:
    """Take a folder for this set; True when the set was finished before. Leftovers of an interruption are removed."""
    path = folder / RECORD
    if path.exists():
        try:
            found = json.loads(path.read_text())
        except ValueError:
            found = {}
        if found != json.loads(json.dumps(record)):
            mend = "choose another folder, or remove this one"
            raise DataError("holds a set of another configuration", where=str(folder), mend=mend)
        for leftover in folder.glob("*/.*.*"):
            leftover.unlink()
        return (folder / "manifest.csv").exists()
    if any(child.name != LOCK for child in folder.iterdir()):
        raise DataError("is not empty", where=str(folder), mend="choose a new folder")
    write_json(path, record)
    return False


def _groups(config: SynthConfig, takes: Sequence[Take]) -> list[dict[str, Any]]:
    """Takes by voice, silence in lots, each with the words of its split's babble."""
    babble = {split: _babble(config, [t for t in takes if t.split == split and t.text]) for split in SPLITS}
    groups = []
    for (_, split), same in groupby(takes, key=lambda take: (take.voice, take.split)):
        some = [take.to_json() for take in same]
        step = len(some) if some[0]["voice"] else _GROUP
        groups += [{"takes": some[i : i + step], "babble": babble[split]} for i in range(0, len(some), step)]
    return groups


def _babble(config: SynthConfig, takes: Sequence[Take]) -> list[tuple[str, str, int]]:
    chance = random.Random(f"{config.seed}/babble")
    return [(take.text, take.voice, take.speed) for take in (chance.choice(takes) for _ in range(BABBLE_WORDS))]


def _run(config: SynthConfig, folder: Path, groups: list[dict[str, Any]], progress: Progress, workers: int) -> None:
    total = sum(len(group["takes"]) for group in groups)
    processes = [_start(config, folder, groups[index::workers]) for index in range(min(workers, len(groups)))]
    done = 0
    try:
        with selectors.DefaultSelector() as selector:
            for process in processes:
                selector.register(process.stdout, selectors.EVENT_READ, process)  # type: ignore[arg-type]
            while selector.get_map():
                for key, _ in selector.select():
                    line = key.fileobj.readline()  # type: ignore[union-attr]
                    if not line:
                        selector.unregister(key.fileobj)
                        _check_end(key.data)
                        continue
                    done += _answer(line)
                    progress("synthesising", done, total)
    finally:
        _stop(processes)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the workers: without a reader they finish the clip at hand and go, so that nothing is written afterwards."""
    for process in processes:
        process.stdout.close()  # type: ignore[union-attr]
    for process in processes:
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(config: SynthConfig, folder: Path, groups: list[dict[str, Any]]) -> subprocess.Popen[bytes]:
    # One thread each: the workers share the cores already.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekit.data.synth.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    job = {"config": config.to_json(), "folder": str(folder.absolute()), "groups": groups}
    with process.stdin as stream:  # type: ignore[union-attr]
        stream.write(json.dumps(job).encode())
    return process


def _answer(line: bytes) -> int:
    message = json.loads(line)
    if "error" in message:
        what, where, mend = message["error"]
        raise ImpossibleTake(what, where=where, mend=mend)
    return int(message["done"])


def _check_end(process: subprocess.Popen[bytes]) -> None:
    if process.wait() != 0:
        raise DataError(f"a worker process ended with status {process.returncode}", mend="run the command again")


def _write_manifest(path: Path, config: SynthConfig, takes: Sequence[Take]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    for take in takes:
        groups = (take.path, take.label, take.split, take.speaker, take.device, config.rate, config.samples)
        snr = f"{take.snr_db:.1f}" if take.text and take.noise != "none" else ""
        writer.writerow((*groups, take.text, take.noise, snr, take.room if take.room >= 0 else ""))
    write_text(path, out.getvalue())
