"""Mutations of good model files through ``edgekit check-budget``.

    python benchmarks/fuzz_budget.py [--cases 1000000] [--workers 2] [--shards FOLDER] [--until SECONDS]

Ten small good files of all kinds are cut, flipped, overwritten, doubled and thinned out, each case from its own seed.
Every case runs the command in a worker process whose address space may grow by 500 MB. Wrong is: exit code 0 for a
broken file, a traceback, a worker that dies, or more than 2 seconds of processor time.

Broken is a file that the format's own software refuses (fuzz_files.JUDGES: ONNX' checker and ONNX Runtime, LiteRT,
torch.export.load, safetensors). A mutation can leave a file good, for instance a changed weight; those that passed
are judged one by one in processes of their own, and the result says how many were still good.

Cases run in shards of 20,000, each of which leaves a file in FOLDER; the same command goes on with those that are
missing, and the result is over all shards that are there. ``--until`` begins no shard after so many seconds. A shard
has the commit that it ran at, for a campaign may go on over several, and what was found is mended in between: the
result lists such cases under ``mended`` once the command of today, run on each of them again, refuses them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from cases import ROOMY
from fuzz_files import good_files, mutate
from results_file import commit, write_results

from edgekit.core.files import write_json

_IN_MEMORY = Path("/dev/shm")
GROWTH = 500 * 2**20
SECONDS = 2.0
CHUNK = 2_000
"""Cases of one worker process: what it leaks adds up under the same limit of memory."""
SHARD = 20_000
STRIDE = 1_000_000_000
"""Between the seeds of one file and the next: no two files share mutations' seeds."""


def quick_folder() -> str | None:
    """Where cases are written: in memory where the system has such a place; a disk takes longer than the command."""
    return str(_IN_MEMORY) if _IN_MEMORY.is_dir() else None


def run_bytes(suffix: str, data: bytes, folder: Path) -> tuple[int, float, str]:
    """(exit code, processor seconds, what went wrong) of the command on a file with these bytes, in this process."""
    from edgekit.cli.main import main

    path = folder / f"case{suffix}"
    path.write_bytes(data)
    out, err = io.StringIO(), io.StringIO()
    begin = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["check-budget", str(path), "--budget", str(folder / "roomy.toml")])
    seconds = time.process_time() - begin
    trouble = "Traceback" in err.getvalue() or "internal error" in err.getvalue()
    return code, seconds, err.getvalue().strip()[-300:] if trouble else ""


def run_case(name: str, suffix: str, data: bytes, seed: int, folder: Path) -> dict[str, Any]:
    """One mutation through the command."""
    code, seconds, trouble = run_bytes(suffix, mutate(data, seed), folder)
    return {"file": name, "seed": seed, "code": code, "seconds": seconds, "trouble": trouble}


def limit_memory() -> None:
    """Let this process grow by GROWTH from where it is."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def run_good_files(folder: Path) -> None:
    """Judge them PASS, which loads all that the command ever imports, and leave the budget of the cases."""
    (folder / "roomy.toml").write_text(ROOMY)
    for key, (suffix, data) in good_files().items():
        if run_bytes(suffix, data, folder)[0]:
            raise SystemExit(f"the good file {key} does not pass")


def work(jobs: list[tuple[str, int]], log: Path) -> None:
    """Run jobs (file, seed) and write a line a job, before it and after it."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as name, log.open("a") as stream:
        folder, files = Path(name), good_files()
        run_good_files(folder)
        limit_memory()  # everything that is ever imported is loaded by now
        for file, seed in jobs:
            stream.write(json.dumps({"start": [file, seed]}) + "\n")
            stream.flush()
            stream.write(json.dumps(run_case(file, *files[file], seed, folder)) + "\n")
            stream.flush()


def campaign(jobs: list[tuple[str, int]], workers: int, folder: Path) -> list[dict[str, Any]]:
    """All jobs over worker processes; a job in which its worker died has the code "died"."""
    waiting = [jobs[i : i + CHUNK] for i in range(0, len(jobs), CHUNK)]
    running: list[tuple[Any, list[tuple[str, int]], Path]] = []
    done: list[dict[str, Any]] = []
    count = 0
    while waiting or running:
        while waiting and len(running) < workers:
            chunk, log = waiting.pop(0), folder / f"{count}.jsonl"
            count += 1
            process = multiprocessing.get_context("fork").Process(target=work, args=(chunk, log))
            process.start()
            running.append((process, chunk, log))
        process, chunk, log = running.pop(0)
        process.join()
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        finished = [line for line in lines if "code" in line]
        done += finished
        if len(finished) < len(chunk):
            file, seed = chunk[len(finished)]
            done.append({"file": file, "seed": seed, "code": "died", "seconds": 0.0, "trouble": str(process.exitcode)})
            if chunk[len(finished) + 1 :]:
                waiting.insert(0, chunk[len(finished) + 1 :])
    return done


_JUDGE = """
import json, sys
from pathlib import Path
from fuzz_files import JUDGES
for line in sys.stdin:
    path = Path(line.strip())
    fault = JUDGES[path.suffix](path)
    print("\\nfault:" + json.dumps([path.name, fault]), flush=True)
"""


def faults(cases: list[tuple[str, int | None]], folder: Path) -> dict[tuple[str, int | None], str]:
    """What the format's own software says against each case, "" for nothing; without a seed the good file is judged.

    Judges run in processes of their own, many cases in one; a case at which its judge dies has that as its fault.
    """
    folder.mkdir(exist_ok=True)
    waiting = {}
    for number, (file, seed) in enumerate(cases):
        suffix, data = good_files()[file]
        path = folder / f"{number}{suffix}"
        path.write_bytes(data if seed is None else mutate(data, seed))
        waiting[path.name] = (file, seed)
    found: dict[tuple[str, int | None], str] = {}
    while waiting:
        paths = "\n".join(str(folder / name) for name in waiting)
        done = subprocess.run(
            [sys.executable, "-c", _JUDGE], input=paths, capture_output=True, text=True, errors="replace",
            cwd=Path(__file__).parent,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            if line.startswith("fault:"):
                name, text = json.loads(line.removeprefix("fault:"))
                found[waiting.pop(name)] = text
        if done.returncode:
            found[waiting.pop(next(iter(waiting)))] = f"the judge died: {done.stderr.strip()[-200:]}"
    return found


def shard(first: int, count: int, workers: int) -> dict[str, Any]:
    """``count`` cases from seed ``first`` of each file on: rows by file, and what was wrong."""
    names = list(good_files())
    # Files take turns; each has seeds of its own.
    jobs = [(names[i % len(names)], first + i // len(names) + STRIDE * (i % len(names))) for i in range(count)]
    with tempfile.TemporaryDirectory(dir=quick_folder()) as name:
        done = campaign(jobs, workers, Path(name))
        passed = [case for case in done if case["code"] == 0]
        judged = faults([(case["file"], case["seed"]) for case in passed], Path(name) / "judged")
    broken = {key: text for key, text in judged.items() if text}
    rows = []
    for file in names:
        mine = [case for case in done if case["file"] == file]
        codes, bad = Counter(case["code"] for case in mine), sum(key[0] == file for key in broken)
        rows.append(
            {
                "file": file,
                "mutations": len(mine),
                "refused or undecided": codes[2],
                "over a limit": codes[1],
                "passed": codes[0],
                "passed and good": codes[0] - bad,
                "passed and broken": bad,
                "slowest_s": round(max((case["seconds"] for case in mine), default=0.0), 3),
            }
        )
    wrong = {
        "passed_and_broken": [{"file": f, "seed": s, "fault": text} for (f, s), text in broken.items()],
        "trouble": [case for case in done if _troubled(case)],
        "slow": [case for case in done if case["seconds"] > SECONDS],
    }
    return {"rows": rows, "wrong": wrong, "commit": commit()}


def merged(shards: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, list[Any]]]:
    """Rows and what was wrong over all shards: counts added up, the slowest of all."""
    rows: dict[str, dict[str, Any]] = {}
    for row in (row for item in shards for row in item["rows"]):
        before = rows.setdefault(row["file"], {key: row[key] if key == "file" else 0 for key in row})
        for key in row:
            if key == "slowest_s":
                before[key] = max(before[key], row[key])
            elif key != "file":
                before[key] += row[key]
    wrong = {key: [case for item in shards for case in item["wrong"][key]] for key in shards[0]["wrong"]}
    return list(rows.values()), wrong


def settled(wrong: dict[str, list[Any]]) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """``wrong`` without what the command of today answers rightly, and that: every wrong case runs once more."""
    keys = {(case["file"], case["seed"]) for cases in wrong.values() for case in cases}
    with tempfile.TemporaryDirectory() as name:
        again = {(case["file"], case["seed"]): case for case in campaign(sorted(keys), 1, Path(name))}
        judged = faults([key for key, case in again.items() if case["code"] == 0], Path(name) / "judged")
    still: dict[str, list[Any]] = {
        "passed_and_broken": [case for case in wrong["passed_and_broken"] if judged.get((case["file"], case["seed"]))],
        "trouble": [case for case in wrong["trouble"] if _troubled(_now(again, case))],
        "slow": [case for case in wrong["slow"] if _now(again, case)["seconds"] > SECONDS],
    }
    return still, [case for key, cases in wrong.items() for case in cases if case not in still[key]]


def _now(again: dict[tuple[str, int], dict[str, Any]], case: dict[str, Any]) -> dict[str, Any]:
    return again[case["file"], case["seed"]]


def _troubled(case: dict[str, Any]) -> bool:
    return bool(case["trouble"]) or case["code"] not in (0, 1, 2)


def main() -> int:
    """Run the campaign, write the result; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="first seed of each file: other numbers are new mutations")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shards", type=Path, default=Path(tempfile.gettempdir()) / "edgekit-fuzz-budget")
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds after which no shard is begun")
    options = parser.parse_args()
    options.shards.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=quick_folder()) as name:
        run_good_files(Path(name))  # here, so that no worker has to load what the command needs
        for (file, _), text in faults([(file, None) for file in good_files()], Path(name) / "good").items():
            if text:
                raise SystemExit(f"its judge refuses the good file {file}: {text}")
    begin, found = time.monotonic(), []
    for start in range(0, options.cases, SHARD):
        count = min(SHARD, options.cases - start)
        first = options.first + start // len(good_files())
        path = options.shards / f"{first}-{count}.json"
        if not path.is_file():
            if time.monotonic() - begin > options.until:
                break
            write_json(path, shard(first, count, options.workers))
        found.append(json.loads(path.read_text("utf-8")))
    rows, seen = merged(found)
    wrong, mended = settled(seen)
    write_results(
        "fuzz_budget",
        rows,
        cases=sum(row["mutations"] for row in rows),
        first_seed=options.first,
        memory_growth_mb=GROWTH >> 20,
        shards_by_commit=dict(Counter(item.get("commit", "before") for item in found)),
        mended=mended,
        wrong=wrong,
    )
    print({key: len(value) for key, value in wrong.items()})
    for item in wrong["passed_and_broken"][:40]:
        print(item)
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
