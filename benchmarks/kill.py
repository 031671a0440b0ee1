"""kill -9 at random points of every long job: what the same command makes of it afterwards.

    python benchmarks/kill.py [--points 100] [--jobs train,logits,…] [--work FOLDER]

A job runs undisturbed once. Then it is begun in a process that is killed at a random time of its work and begun again,
over and over, until it ends; the next round begins from nothing. Jobs run in children of a process that has loaded
everything, so that the time in which they are killed is that of the work and not of imports.

Lost is: a result that differs from the undisturbed one (weights bit by bit, files byte by byte), a finished unit
(epoch, shard, clip, trial) that a later life did again or differently, a command that refuses to go on, or a temporary
file left over. Points are appended to FOLDER/points.jsonl, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from results_file import write_results  # noqa: E402
from shelf import QUICK, Shelf  # noqa: E402

_LONG = ("schedule.epochs=6", *QUICK[1:])


def _settings(values: tuple[str, ...]) -> list[str]:
    return [word for value in values for word in ("--set", value)]


@dataclass(frozen=True)
class Job:
    """One long command.

    Attributes:
        command: of the command line; ``{words}``, ``{run}`` and ``{out}`` are filled in.
        results: what the finished folder comes down to: name to digest.
        units: what is finished of it at any moment, as name to digest; no later life may change one.
    """

    command: list[str]
    results: Callable[[Path], Mapping[str, str]]
    units: Callable[[Path], Mapping[str, str]]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _files(*patterns: str) -> Callable[[Path], Mapping[str, str]]:
    def found(folder: Path) -> Mapping[str, str]:
        paths = sorted(path for pattern in patterns for path in folder.rglob(pattern) if path.is_file())
        return {str(path.relative_to(folder)): _digest(path.read_bytes()) for path in paths if path.name[0] != "."}

    return found


def _weights(folder: Path) -> Mapping[str, str]:
    """Digests of the tensors; what else is in the file has times in it."""
    from safetensors.numpy import load_file

    path = folder / "checkpoint.safetensors"
    return {name: _digest(value.tobytes()) for name, value in load_file(path).items()} if path.is_file() else {}


def _qat_epochs(folder: Path) -> Mapping[str, str]:
    """Finished epochs of the run that ``quantize --qat`` keeps beside its model."""
    return _epochs(folder / "model.qat")


def _epochs(folder: Path) -> Mapping[str, str]:
    """Finished epochs with their losses: the columns of history.csv without times."""
    path = folder / "history.csv"
    if not path.is_file():
        return {}
    header, *rows = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    steady = [place for place, column in enumerate(header) if "second" not in column and "time" not in column]
    return {row[0]: ",".join(row[place] for place in steady) for row in rows if len(row) == len(header)}


def _trials(folder: Path) -> Mapping[str, str]:
    """Finished trials, told by their metrics, with their weights."""
    done = [path.parent for path in folder.glob("trials/*/metrics.json")]
    return {trial.name: _digest(json.dumps(_weights(trial), sort_keys=True).encode()) for trial in sorted(done)}


JOBS: Mapping[str, Job] = {
    "train": Job(
        ["train", "kws-dscnn", "--data", "{words}", *_settings(_LONG), "-o", "{out}"], _weights, _epochs
    ),
    "distil": Job(
        ["distill", "kws-dscnn", "--teacher", "{run}", "--data", "{words}", *_settings(_LONG), "-o", "{out}"],
        _weights,
        _epochs,
    ),
    "teacher logits": Job(
        ["distill", "kws-dscnn", "--teacher", "{run}", "--data", "{words}", "--store", "{out}", "--views", "40"],
        _files("*.npz", "*.npy", "*.safetensors"),
        _files("*.npz", "*.npy", "*.safetensors"),
    ),
    "augment": Job(
        ["data", "augment", "{words}", "--plan", "one-of-each", "-o", "{out}"],
        _files("*.wav", "*.flac", "*.csv"),
        _files("*.wav", "*.flac"),
    ),
    "quantize, trained on": Job(
        ["quantize", "{run}/../exported/model.onnx", "--calib", "{words}", "--qat", "{run}", "--valid", "none",
         "--epochs", "3", *_settings(QUICK[1:2]), "-o", "{out}/model.tflite"],
        _files("model.tflite", "model.qdq.onnx"),
        _qat_epochs,
    ),
    "sweep": Job(
        ["sweep", "kws-dscnn", "--data", "{words}", "--space", "{space}", "--trials", "3", *_settings(QUICK),
         "-o", "{out}"],
        _trials,
        _trials,
    ),
}  # fmt: skip


def begin(command: list[str], cache: Path) -> multiprocessing.Process:
    """The command in a child of this process, which has loaded everything."""
    process = multiprocessing.get_context("fork").Process(target=_child, args=(command, cache))
    process.start()
    return process


def _child(command: list[str], cache: Path) -> None:
    from edgekit.cli.main import main

    os.environ["EDGEKIT_CACHE"] = str(cache)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), tempfile.TemporaryFile("w+") as errors:
        with contextlib.redirect_stderr(errors):
            code = main(command)
        if code:
            errors.seek(0)
            sys.__stderr__.write(errors.read()[-2000:])
    os._exit(code)


def filled(job: Job, shelf: Shelf, out: Path) -> list[str]:
    """The command with its paths."""
    shelf["exported"], shelf["space.toml"]
    places = {"words": shelf["words"], "run": shelf["run"], "space": shelf["space.toml"], "out": out}
    return [word.format(**places) for word in job.command]


def undisturbed(name: str, shelf: Shelf, work: Path) -> tuple[Mapping[str, str], float]:
    """Result and seconds of a job that nobody kills; the second of two runs, when caches are warm."""
    seconds = 0.0
    for _ in range(2):
        out = work / "whole"
        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        process = begin(filled(JOBS[name], shelf, out), work / "cache")
        process.join()
        seconds = time.monotonic() - start
        if process.exitcode:
            raise SystemExit(f"{name} does not run undisturbed")
    return JOBS[name].results(out), seconds


def one_round(
    name: str, shelf: Shelf, work: Path, whole: Mapping[str, str], seconds: float, seed: int
) -> list[dict[str, Any]]:
    """One job from nothing to its end through kills; a row a kill."""
    rng, job, out = random.Random(seed), JOBS[name], work / "killed"
    shutil.rmtree(out, ignore_errors=True)
    command, rows = filled(job, shelf, out), []
    finished: dict[str, str] = {}
    while True:
        process = begin(command, work / "cache")
        process.join(rng.uniform(0, seconds))
        if process.exitcode is None:
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            now = dict(job.units(out)) if out.exists() else {}
            changed = sorted(unit for unit, digest in finished.items() if now.get(unit) != digest)
            finished = now
            rows.append({"job": name, "seed": seed, "finished": len(now), "lost": len(changed), "trouble": ""})
            continue
        trouble = [] if process.exitcode == 0 else [f"exit code {process.exitcode}"]
        last = job.units(out)
        lost = sum(last.get(unit) != digest for unit, digest in finished.items())
        trouble += [] if job.results(out) == whole else ["another result"]
        trouble += [f"left over: {path.name[1:].rsplit('.', 2)[0]}" for path in out.rglob(".*") if path.is_file()]
        if rows:
            rows[-1] = {**rows[-1], "lost": rows[-1]["lost"] + lost, "trouble": "; ".join(trouble)}
        elif trouble:
            rows.append({"job": name, "seed": seed, "finished": 0, "lost": lost, "trouble": "; ".join(trouble)})
        return rows


def campaign(names: list[str], points: int, work: Path) -> list[dict[str, Any]]:
    """All rows, those of earlier calls among them."""
    log = work / "points.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    shelf = Shelf(work / "shelf")
    for name in names:
        done = [row for row in rows if row["job"] == name]
        if len(done) >= points:
            continue
        folder = work / name.replace(" ", "-").replace(",", "")
        whole, seconds = undisturbed(name, shelf, folder)
        seed = max((row["seed"] for row in done), default=-1) + 1
        while len(done) < points:
            found = one_round(name, shelf, folder, whole, seconds, seed)
            with log.open("a") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in found)
            done, rows, seed = done + found, rows + found, seed + 1
            print(f"{name}: {len(done)} of {points} points", file=sys.stderr)
    return rows


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100, help="kills of each job")
    parser.add_argument("--jobs", default=",".join(JOBS).replace("quantize, trained on", "quantize; trained on"))
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "kill")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    import lightning  # noqa: F401 - loaded before the children begin
    import onnxruntime  # noqa: F401
    import optuna  # noqa: F401
    import torch

    torch.set_num_threads(1)
    names = [name.replace(";", ",") for name in given.jobs.split(",")]
    rows = campaign(names, given.points, given.work)
    table = []
    for name in JOBS:
        own = [row for row in rows if row["job"] == name]
        if own:
            table.append(
                {
                    "job": name,
                    "kills": len(own),
                    "rounds": len({row["seed"] for row in own}),
                    "lost_units": sum(row["lost"] for row in own),
                    "troubles": sum(bool(row["trouble"]) for row in own),
                }
            )
    write_results("kill", table, troubles=sorted({row["trouble"] for row in rows if row["trouble"]}))


if __name__ == "__main__":
    main()
